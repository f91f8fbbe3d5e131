// holdfast.toml: any bytes give a configuration, or an error that says where. A policy that was read keeps to its limits,
// and can be checked and decided by.
#include "cli/config.hpp"
#include "fuzz/check.hpp"
#include "policy/check.hpp"
#include "policy/retention.hpp"

namespace {

void must_be_usable(const hf::SourcePolicy& source) {
  using namespace hf;
  HF_MUST(is_source_name(source.name));
  HF_MUST(!source.paths.empty());
  HF_MUST(source.line > 0);
  for (Period period : kPeriods) HF_MUST(source.retention.count(period) <= Retention::kCountMax || source.retention.count(period) == Retention::kAll);
  for (const auto& span : {source.rpo, source.rto, source.retention.within}) HF_MUST(!span || span->ns > 0);
  for (const Finding& finding : check_source(source, ScheduleSpacing{kDayNs, 3 * kDayNs, 200, kDayNs})) HF_MUST(!finding.message.empty() && !finding.meaning.empty() && !finding.hint.empty());
  PointFacts points[3];
  for (int i = 0; i < 3; ++i) {
    points[i].id.bytes[0] = static_cast<std::uint8_t>(i);
    points[i].time_ns = i * 40 * kDayNs;
    points[i].complete = i != 1;
  }
  for (const Decision& d : decide(points, source.retention, TimeZone(), 100 * kDayNs)) HF_MUST(d.keep == !d.reasons.empty());
}

/// Verbs with an option of every form that a configuration can give. The program's own would need the whole program.
const std::vector<const hf::cli::Verb*>& verbs() {
  using hf::cli::Kind;
  static const hf::cli::Verb backup{
      .name = "backup",
      .options = {{.name = "exclude", .value = "PATTERN", .repeat = true, .config = true},
                  {.name = "exclude-caches", .config = true},
                  {.name = "exclude-file", .value = "FILE", .repeat = true, .config = true},
                  {.name = "kind", .value = "KIND", .preset = "auto", .choices = {"auto", "full", "incremental", "differential"}, .config = true},
                  {.name = "sample", .value = "PERCENT", .kind = Kind::percent, .config = true},
                  {.name = "tag", .value = "TAG", .config = false}}};
  static const hf::cli::Verb key_add{
      .name = "key add",
      .aliases = {"add"},
      .options = {{.name = "count", .value = "N", .kind = Kind::count, .config = true}, {.name = "limit", .value = "BYTES", .kind = Kind::bytes, .config = true}, {.name = "as-of", .value = "TIME", .kind = Kind::time, .config = true}}};
  static const std::vector<const hf::cli::Verb*> all{&backup, &key_add};
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto config = cli::parse_config(as_text({data, size}), "holdfast.toml", verbs());
  if (!config) {
    HF_MUST(config.error().code == Code::usage);
    HF_MUST(!config.error().message.empty());
    return 0;
  }
  for (const SourcePolicy& source : config->policy.sources) must_be_usable(source);
  return 0;
}
