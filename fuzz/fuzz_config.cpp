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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto config = cli::parse_config(as_text({data, size}), "holdfast.toml");
  if (!config) {
    HF_MUST(config.error().code == Code::usage);
    HF_MUST(!config.error().message.empty());
    return 0;
  }
  for (const SourcePolicy& source : config->policy.sources) must_be_usable(source);
  return 0;
}
