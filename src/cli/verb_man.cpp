#include "cli/man_page.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  const std::string dir = in.argument("DIR");
  HF_TRY(in.env.make_directories(dir, 0755));
  HF_TRY(in.env.write_file_atomically(dir + "/holdfast.1", as_bytes(program_man_page(all_verbs())), 0644));
  std::size_t pages = 1;
  for (const Verb* verb : all_verbs()) {
    if (verb->hidden) continue;
    HF_TRY(in.env.write_file_atomically(dir + "/" + man_page_file(*verb), as_bytes(verb_man_page(*verb)), 0644));
    ++pages;
  }
  in.out.note(std::to_string(pages) + " manual pages in " + dir);
  return 0;
}

}  // namespace

const Verb& man_verb() {
  static const Verb verb = {
      .name = "man",
      .section = "The program",
      .summary = "write the manual pages into a directory",
      .description = {"For packagers: holdfast.1 and one holdfast-COMMAND.1 for each command."},
      .examples = {{"holdfast man /usr/local/share/man/man1", "Install them."},
                   {"holdfast man /tmp/man && man -l /tmp/man/holdfast.1", "Read one."}},
      .arguments = {{.name = "DIR", .help = "where to write them; made if it is missing"}},
      .standalone = true,
      .hidden = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
