#include "cli/backup_job.hpp"

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/policy_facts.hpp"
#include "cli/progress_view.hpp"
#include "policy/kinds.hpp"
#include "service/notify.hpp"
#include "store/throttle/throttled_store.hpp"
#include "version.hpp"

namespace hf::cli {
namespace {

/// Tells of the first items that could not be read as they come; all are in the point.
class ProblemTeller final : public ProblemSink {
 public:
  explicit ProblemTeller(Output& out) : out_(out) {}
  void problem(const Error& error) override {
    Lock lock(mutex_);
    ++count_;
    if (count_ <= kTold || out_.verbose()) out_.warn(printable(error.object) + ": " + error.message);
    else if (count_ == kTold + 1) out_.warn("more items can't be read; the rest is counted (--verbose names them)");
  }

 private:
  static constexpr std::uint64_t kTold = 20;
  Output& out_;
  Mutex mutex_;
  std::uint64_t count_ HF_GUARDED_BY(mutex_) = 0;
};

/// The vault, and the limits under which it is written and sources are read.
class Throttle {
 public:
  Throttle(Invocation& in, Vault& vault, const Limits& limits) : vault_(vault) {
    const RateLimit::Time time{[&env = in.env] { return env.monotonic_ns(); }, real_pause()};
    if (limits.read_bytes_per_second) reads_ = std::make_unique<RateLimit>(*limits.read_bytes_per_second, time, &in.progress.stop_requested);
    if (!limits.write_bytes_per_second) return;
    writes_ = std::make_unique<RateLimit>(*limits.write_bytes_per_second, time, &in.progress.stop_requested);
    slow_ = vault.over(make_throttled_store(vault.store(), *writes_));
  }
  Vault& vault() const { return slow_ ? *slow_ : vault_; }
  RateLimit* reads() const { return reads_.get(); }

 private:
  Vault& vault_;
  std::unique_ptr<RateLimit> reads_, writes_;
  std::unique_ptr<Vault> slow_;
};

bool lies_in(const std::string& path, const std::string& directory) {
  return path == directory || (path.starts_with(directory) && (directory == "/" || path[directory.size()] == '/'));
}

/// What a capture gave, or its error with what a person should know about it.
Result<BackupDone> finished(Result<CaptureResult>&& captured, ProgressView& view) {
  const double seconds = view.seconds();
  view.stop();
  if (captured) return BackupDone{std::move(*captured), seconds};
  if (captured.error().code == Code::cancelled)
    return std::move(captured.error()).with_hint("nothing is lost: run the same command again, and what is stored already is not stored twice");
  return captured.error();
}

}  // namespace

Result<std::string> read_text_file(Env& env, const std::string& path) {
  const Buffer raw = HF_TRY(env.read_file(path, 256u << 20));
  return std::string(as_text(raw));
}

Status add_exclude_file(Env& env, ExcludeRules& rules, const std::string& file) {
  return rules.add_lines(HF_TRY(read_text_file(env, file))).context([&] { return printable(file); });
}

Status check_source_path(Env& env, const std::string& path, const std::string& absolute, const std::string& vault_directory) {
  if (auto s = env.stat(path, false); !s && s.error().code == Code::not_found)
    return Error(Code::not_found, "there is no " + printable(path), "nothing was backed up; check the path").with_object(path);
  else if (!s) return s.error();
  if (lies_in(absolute, vault_directory))
    return Error(Code::usage, printable(path) + " lies inside the vault " + printable(vault_directory), "a vault does not back up itself; to have it twice, copy the vault's directory to another disk");
  return {};
}

CaptureOptions capture_options(Invocation& in, std::string vault_directory) {
  CaptureOptions options;
  options.host = in.env.host_name();
  options.user = in.env.user_name(in.env.user_id()).value_or(std::to_string(in.env.user_id()));
  options.program = std::string("holdfast ") + kVersion;
  options.vault_directory = std::move(vault_directory);
  options.jobs = in.settings.jobs;
  return options;
}

Result<ChooseKind> kind_chooser(Env& env, const Policy& policy, const std::string& kind, bool independent, const SourcePolicy* source) {
  if (independent && kind != "auto" && kind != "full") return Error(Code::usage, "only a full point can be independent", "leave out --kind " + kind + ", or --independent");
  if (independent || kind == "full") return ChooseKind([=](const PointList&) -> Result<KindChoice> { return KindChoice{PointKind::full, independent}; });
  if (kind == "incremental" || kind == "differential")
    return ChooseKind([=](const PointList&) -> Result<KindChoice> { return KindChoice{kind == "incremental" ? PointKind::incremental : PointKind::differential, false}; });
  if (source == nullptr) return ChooseKind();
  TimeZone zone = HF_TRY(zone_of(env, *source));
  return ChooseKind([&env, &policy, source, zone = std::move(zone)](const PointList& list) -> Result<KindChoice> {
    std::vector<PointFacts> facts;
    for (const RecoveryPoint& p : list.points)
      if (source_of(policy, p) == source) facts.push_back(facts_of(p));
    const KindDecision decision = next_kind(facts, source->kinds, zone, env.wall_ns());
    return KindChoice{decision.kind, decision.independent};
  });
}

Result<BackupDone> back_up(Invocation& in, Vault& vault, CaptureOptions options, const Limits& limits, const std::string& label) {
  const Throttle throttle(in, vault, limits);
  options.reads = throttle.reads();
  ProblemTeller problems(in.out);
  ProgressView view(in.out, in.env, in.progress, label);
  return finished(capture(throttle.vault(), options, in.progress, problems), view);
}

Result<BackupDone> back_up_stdin(Invocation& in, Vault& vault, CaptureOptions options, const Limits& limits, const std::string& name) {
  const Throttle throttle(in, vault, limits);
  options.reads = throttle.reads();
  ProgressView view(in.out, in.env, in.progress, name);
  auto done = finished(capture_stream(throttle.vault(), 0, name, options, in.progress), view);
  if (done && done->captured.point.bytes == 0) in.out.warn("standard input was empty: did the program before the '|' fail?");
  return done;
}

void tell_backup(Invocation& in, const BackupDone& backup, const std::string& label) {
  const CaptureResult& done = backup.captured;
  const RecoveryPoint& p = done.point;
  in.out.line(done_line(label, p.files, p.bytes, backup.seconds, in.out.utf8()));
  in.out.line("  read " + human_bytes(p.bytes_read) + " · new " + human_bytes(p.bytes_new) + " · stored " + human_bytes(p.bytes_stored) + " (sealed)" +
              (done.files_unchanged > 0 ? " · " + counted(done.files_unchanged, "file") + " unchanged" : ""));
  if (done.bytes_delta_saved >= 8_KiB)  // less is not worth a line
    in.out.line("  " + human_bytes(done.bytes_delta) + " of it stored in " + human_bytes(done.bytes_delta_stored) + ", as what differs from older content · saves about " +
                human_bytes(done.bytes_delta_saved));
  if (done.vault_left_out) in.out.note("  the vault itself lies in what was backed up; it was left out");
  if (p.unreadable_count > 0)
    in.out.line("  " + counted(p.unreadable_count, "item") + " unreadable: holdfast points show " + p.id.brief() + " --unreadable");
  if (p.inconsistent_count > 0) in.out.line("  " + counted(p.inconsistent_count, "file") + " changed each time it was read");
  in.out.line("Recovery point " + p.id.brief() + " · " + kind_text(p) + " · every stored byte confirmed on disk.");
}

Json json_of_backup(const BackupDone& backup, const CaptureOptions& options) {
  const CaptureResult& done = backup.captured;
  const RecoveryPoint& p = done.point;
  Json unreadable = Json::array();
  for (const Unreadable& u : p.unreadable) {
    Json item = {{"reason", u.reason}};
    put_name(item, "path", u.path);
    unreadable.push_back(std::move(item));
  }
  Json out = {{"point", p.id.hex()},
              {"kind", name_of(p.kind)},
              {"independent", p.independent()},
              {"parent", p.parent ? Json(p.parent->hex()) : Json(nullptr)},
              {"files", p.files},
              {"bytes", p.bytes},
              {"files_read", done.files_read},
              {"files_unchanged", done.files_unchanged},
              {"bytes_read", p.bytes_read},
              {"bytes_new", p.bytes_new},
              {"bytes_stored", p.bytes_stored},
              {"bytes_delta", done.bytes_delta},
              {"bytes_delta_stored", done.bytes_delta_stored},
              {"bytes_delta_saved", done.bytes_delta_saved},
              {"delta_depth", done.delta_depth},
              {"unreadable", p.unreadable_count},
              {"unreadable_items", std::move(unreadable)},
              {"inconsistent", p.inconsistent_count},
              {"complete", p.complete()},
              {"seconds", backup.seconds}};
  Json paths = Json::array();
  for (const std::string& path : options.paths) paths.push_back(printable(path));
  out["paths"] = std::move(paths);
  return out;
}

std::string label_of(const std::vector<std::string>& paths) {
  if (paths.size() > 1) return std::to_string(paths.size()) + " paths";
  const std::string name = paths[0].substr(paths[0].rfind('/') + 1);
  return name.empty() ? "/" : name;
}

}  // namespace hf::cli
