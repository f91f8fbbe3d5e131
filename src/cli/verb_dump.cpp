#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/restore_choice.hpp"
#include "point/dump.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const RecoveryPoint point = HF_TRY(vault->find_point(in.argument("POINT")));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);
  const Entry file = HF_TRY(find_path(chunks, point.root, HF_TRY(path_in_point(point, in.argument("PATH")))));
  if (file.stat.type == FileType::symlink)
    return Error(Code::usage, "'" + printable(in.argument("PATH")) + "' is a symlink to '" + printable(file.target) + "'", "dump what it leads to");
  if (!file.is_regular()) return Error(Code::usage, "'" + printable(in.argument("PATH")) + "' is no file", "bring it back with: holdfast restore " + point.id.brief() + " PATH --to DIR");
  HF_TRY(dump_file(chunks, file, in.settings.jobs, in.progress, [&](ByteView bytes) { return in.out.data(bytes); }));
  return 0;
}

}  // namespace

const Verb& dump_verb() {
  static const Verb verb = {
      .name = "dump",
      .section = "Everyday",
      .summary = "write one file of a recovery point to standard output",
      .description = {"The file's bytes and nothing else; holes come as zeros. Every byte is checked against its identity before it is written: where "
                      "the vault is damaged the output ends there and the exit status is 5. With --json nothing is added on success."},
      .examples = {{"holdfast dump latest all.sql | psql", "Feed a database dump back."},
                   {"holdfast dump 7c1e Documents/letter.txt > letter.txt", "One file, by hand."}},
      .arguments = {{.name = "POINT", .help = "recovery point: first digits of its id, or latest"}, {.name = "PATH", .help = "file in it"}},
      .options = {},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
