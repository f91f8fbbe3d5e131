#include "world.hpp"

#include "vault/index.hpp"
#include "vault/parity.hpp"
#include "vault/rotate.hpp"

namespace hf::simulation {
namespace {
constexpr Argon2Params kQuick{.memory_kib = 8, .passes = 1, .lanes = 1};
const Secret kSecret{SlotKind::passphrase, as_bytes("correct horse")}, kWriter{SlotKind::key_file, as_bytes("battery staple")};
}  // namespace

Status World::init() {
  InitOptions options;
  options.argon2 = kQuick;
  options.label = "first";
  options.params.cuts = {.size_min = 256, .size_avg = 2048, .size_max = 8192};
  auto store = HF_TRY(create_local_store(env, kVault));
  const auto vault = HF_TRY(Vault::create(env, std::move(store), options, kSecret));
  return choose_parity(vault->store(), parity ? std::optional(ParityChoice()) : std::nullopt);
}

Result<std::unique_ptr<Vault>> World::open() {
  auto vault = HF_TRY(Vault::open(env, HF_TRY(open_local_store(env, kVault)), kSecret));
  vault->keep_cache_in(kCache);
  return vault;
}

Result<std::unique_ptr<Vault>> World::open_as_writer() {
  auto opened = Vault::open(env, HF_TRY(open_local_store(env, kVault)), kWriter);
  if (opened || opened.error().code != Code::wrong_secret) return opened;
  HF_TRY(HF_TRY(open())->add_writer(kWriter, "writer"));
  return Vault::open(env, HF_TRY(open_local_store(env, kVault)), kWriter);
}

Result<CaptureResult> World::backup() {
  const std::string tag = "attempt " + std::to_string(++attempts_);
  CaptureOptions options;
  options.paths = {kSource};
  options.tags = {tag};
  options.host = "host";
  options.vault_directory = kVault;
  options.write = write;
  seen_[tag] = now_;
  problems.paths.clear();
  Progress progress;
  const auto vault = HF_TRY(shared && attempts_ % 2 == 0 ? open_as_writer() : open());
  CaptureResult result = HF_TRY(capture(*vault, options, progress, problems));
  acknowledged.insert(result.point.id.hex());
  bytes_delta += result.bytes_delta;
  return result;
}

Status World::rebuild() {
  auto store = HF_TRY(adopt_local_store(env, kVault));
  HF_TRY(restore_description(*store));
  const auto vault = HF_TRY(Vault::open(env, std::move(store), kSecret));
  RebuildReport report;
  Progress progress;
  return hf::rebuild(*vault, report, progress);
}

Status World::add_key() {
  const auto vault = HF_TRY(open());
  const std::string secret = "secret " + std::to_string(random());
  const SlotId id = HF_TRY(vault->add_key({SlotKind::passphrase, as_bytes(secret)}, "more", kQuick));
  if (HF_TRY(vault->test_key({SlotKind::passphrase, as_bytes(secret)})) != id) return Error(Code::internal, "another slot opened");
  secrets_.insert(secret);
  return {};
}

Status World::prune() {
  const auto vault = HF_TRY(open());
  const PointList list = HF_TRY(vault->points());
  if (list.points.size() > 1) {
    acknowledged.erase(list.points[0].id.hex());  // from here on it may be gone
    HF_TRY(forget(*vault, list.points[0].id, {.grace_seconds = 0, .reason = "test"}));
  }
  PruneOptions options;
  options.write = write;
  options.unused_percent_max = 1;
  options.favour_newest = 0;
  Progress progress;
  pruned_ = true;
  TreeMarker marker(1);
  turned += HF_TRY(hf::prune(*vault, options, marker, progress)).deltas_turned;
  return {};
}

Status World::undelete() {
  const auto vault = HF_TRY(open());
  const PointList list = HF_TRY(vault->points());
  if (list.points.empty()) return {};
  const PointId point = list.points[0].id;
  acknowledged.erase(point.hex());  // hidden while it is forgotten
  HF_TRY(forget(*vault, point, {.grace_seconds = 1'000'000, .reason = "test"}));
  HF_TRY(hf::undelete(*vault, point));
  acknowledged.insert(point.hex());
  return {};
}

Status World::remove_key() {
  const auto vault = HF_TRY(open());
  const std::string secret = *secrets_.begin();
  const SlotId id = HF_TRY(vault->test_key({SlotKind::passphrase, as_bytes(secret)}));
  secrets_.erase(secret);  // from here on it may open or not
  return vault->remove_key(id);
}

Status World::rotate_keys() {
  const auto vault = HF_TRY(open());
  HF_TRY(hf::rotate_keys(*vault));
  return {};
}

testing::AssertionResult World::secrets_open() {
  for (const std::string& secret : secrets_) {
    const auto vault = Vault::open(env, std::move(*open_local_store(env, kVault)), {SlotKind::passphrase, as_bytes(secret)});
    if (!vault) return testing::AssertionFailure() << "'" << secret << "' does not open the vault: " << vault.error().message << "\n" << story();
    if (const auto writes = (*vault)->may_write(); !writes) return testing::AssertionFailure() << "'" << secret << "' was left behind: " << writes.error().detail << "\n" << story();
    const auto list = (*vault)->points();
    if (!list || !list->damaged.empty()) return testing::AssertionFailure() << "'" << secret << "' does not read every point\n" << story();
  }
  return testing::AssertionSuccess();
}

Status World::restore() {
  const auto vault = HF_TRY(open());
  const RecoveryPoint point = HF_TRY(vault->find_point("latest"));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);
  RestoreOptions options;
  options.target = kTarget;
  options.overwrite = Overwrite::always;
  options.compare = true;
  options.delete_extra = true;
  options.undo = false;
  options.sync = true;
  problems.paths.clear();
  Progress progress;
  const RestoreReport report = HF_TRY(hf::restore(env, chunks, point, options, progress, problems));
  if (report.damaged_count > 0) return Error(Code::corrupt, "restore found damage: " + report.damaged.at(0).reason);
  if (report.failed > 0) return Error(Code::incomplete, "restore could not write " + (problems.paths.empty() ? "something" : problems.paths[0]));
  return {};
}

Status World::verify() {
  const auto vault = HF_TRY(open());
  Progress progress;
  const VerifyReport report = HF_TRY(hf::verify(*vault, {}, progress));
  if (!report.sound()) return Error(Code::corrupt, "verify found damage: " + report.damage.at(0).object + ": " + report.damage.at(0).message);
  return {};
}

void World::look() { now_ = std::make_shared<const Tree>(tree_on_disk(env, kSource)); }

void World::change(unsigned changes) {
  change_tree(env, random, kSource, changes);
  look();
}

void World::begin(unsigned backups) {
  env.make_dir(kSource);
  const auto made = init();
  ASSERT_TRUE(made) << made.error().message;
  for (unsigned i = 0; i < backups; ++i) {
    change(i == 0 ? 30 : 8);
    const auto done = backup();
    ASSERT_TRUE(done) << done.error().message;
    ASSERT_TRUE(done->point.complete());
  }
  change(8);
}

testing::AssertionResult World::holds() {
  env.clear_faults();
  env.short_io(0);
  env.interrupts(0);
  look();
  const auto failed = [&](const std::string& what, const Error& e) { return testing::AssertionFailure() << what << ": " << e.message << "\n" << story(); };
  const auto vault = open();
  if (!vault) return failed("opening the vault", vault.error());
  const auto list = (*vault)->points();
  if (!list) return failed("listing the points", list.error());
  if (const auto all = secrets_open(); !all) return all;
  if (!list->damaged.empty()) return failed("point " + list->damaged[0].name + " can't be read", list->damaged[0].error);
  std::set<std::string> there;
  for (const RecoveryPoint& p : list->points) there.insert(p.id.hex());
  for (const std::string& id : acknowledged)
    if (!there.contains(id)) return testing::AssertionFailure() << "the backup that made point " << id << " reported success, and it is gone\n" << story();
  const auto index = Index::load(**vault);
  if (!index) return failed("opening the index", index.error());
  std::set<std::string> packs;
  const auto listed = (*vault)->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { packs.emplace(name); });
  if (!listed) return failed("listing the packs", listed.error());
  for (const IndexedPack& p : (*index)->packs())
    if (!packs.contains(p.id.hex())) return testing::AssertionFailure() << "the index names pack " << p.id.brief() << ", which is absent\n" << story();
  ChunkReader chunks(**vault, **index);
  for (const RecoveryPoint& p : list->points) {
    const std::string& tag = p.tags.at(0);
    const auto tree = tree_in_vault(chunks, p.root);
    if (!tree) return failed("the point of " + tag + " can't be restored", tree.error());
    std::vector<std::string> excused;
    for (const Unreadable& u : p.unreadable) excused.push_back(u.path == kSource ? "" : u.path.substr(std::string(kSource).size() + 1));
    const std::string wrong = difference(*seen_.at(tag), *tree, excused);
    if (!wrong.empty()) return testing::AssertionFailure() << "the point of " << tag << " holds something else:\n" << wrong << story();
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult World::goes_on() {
  if (const auto before = holds(); !before) return before;
  const auto next = backup();
  if (!next) return testing::AssertionFailure() << "the next backup failed: " << next.error().message << "\n" << story();
  if (!next->point.complete()) return testing::AssertionFailure() << "the next backup could not read " << problems.paths.at(0) << "\n" << story();
  env.crash(Survive::nothing);
  if (const auto after = holds(); !after) return testing::AssertionFailure() << "after the next backup and a power loss: " << after.message();
  if (pruned_) {  // what the prunes before kept on this machine is old, torn or gone now
    if (const auto again = prune(); !again) return testing::AssertionFailure() << "the next prune failed: " << again.error().message << "\n" << story();
    if (const auto after = holds(); !after) return testing::AssertionFailure() << "after the next prune: " << after.message();
  }
  if (const auto sound = verify(); !sound) return testing::AssertionFailure() << sound.error().message << "\n" << story();
  return testing::AssertionSuccess();
}

testing::AssertionResult World::restores() {
  if (const auto before = holds(); !before) return before;
  const auto vault = open();
  const auto latest = (*vault)->find_point("latest");
  if (!latest) return testing::AssertionFailure() << latest.error().message;
  const auto done = restore();
  if (!done && done.error().code == Code::refused && seen_.at(latest->tags.at(0))->size() == 1) return testing::AssertionSuccess();  // an empty point
  if (!done) return testing::AssertionFailure() << done.error().message << "\n" << story();
  Tree expected = *seen_.at(latest->tags.at(0)), actual = tree_on_disk(env, kTarget);
  expected[""] = actual[""];  // a target that was there keeps what itself is
  // Inode flags: a restore that could not set them is not put right by the next one yet.
  for (auto& [path, item] : expected)
    if (const auto at = actual.find(path); at != actual.end()) item.flags = at->second.flags;
  const std::string wrong = latest->complete() ? difference(expected, actual) : "";
  if (!wrong.empty()) return testing::AssertionFailure() << "restored is something else:\n" << wrong << story();
  return testing::AssertionSuccess();
}

std::string World::story() {
  std::string out = "the last calls:\n";
  const auto calls = env.recent_calls();
  for (std::size_t i = calls.size() > 60 ? calls.size() - 60 : 0; i < calls.size(); ++i) out += "  " + calls[i] + "\n";
  return out;
}

}  // namespace hf::simulation
