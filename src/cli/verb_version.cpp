#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/verbs.hpp"
#include "version.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  in.out.line(fmt::format("holdfast {} ({})", kVersion, kCommit));
  in.out.json({{"version", kVersion}, {"commit", kCommit}});
  return 0;
}

}  // namespace

const Verb& version_verb() {
  static const Verb verb = {
      .name = "version",
      .section = "The program",
      .summary = "show the version and the commit it was built from",
      .description = {"Please give this line with every report of a problem."},
      .examples = {{"holdfast version", "One line: version and commit."},
                   {"holdfast version --json", "The same for programs: an object with version and commit."}},
      .standalone = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
