#include "crowd.hpp"

#include <algorithm>

#include "point/capture.hpp"
#include "point/mark.hpp"
#include "point/restore.hpp"
#include "store/local/local_store.hpp"
#include "vault/parity.hpp"
#include "vault/rebuild.hpp"
#include "vault/rotate.hpp"
#include "verify/verify.hpp"
#include "world.hpp"

namespace hf::simulation {
namespace {

const Secret kSecret{SlotKind::passphrase, as_bytes("correct horse")}, kWriter{SlotKind::key_file, as_bytes("battery staple")};
constexpr std::uint64_t kLongGrace = 1'000'000'000;
const WriteOptions kWrite{.compression_level = 1, .pack_bytes = 64 * 1024};

std::string source_of(std::size_t lane) { return "/source/" + std::to_string(lane); }

}  // namespace

Crowd::Crowd(std::uint64_t seed, std::size_t lanes, unsigned history, bool writers) : env(seed), random(seed ^ 0xC20D), writers_(writers) {
  InitOptions options;
  options.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};
  options.params.cuts = {.size_min = 256, .size_avg = 2048, .size_max = 8192};
  const auto made = Vault::create(env, std::move(*create_local_store(env, kVault)), options, kSecret);
  EXPECT_TRUE(made) << made.error().message;
  EXPECT_TRUE(choose_parity((*made)->store(), ParityChoice()));
  EXPECT_TRUE((*made)->add_writer(kWriter, "writer"));
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    env.make_dir(source_of(lane));
    change_tree(env, random, source_of(lane), 25);
  }
  Schedule alone(env, seed, 1, 1000);
  alone.run([&](std::size_t) {
    for (unsigned i = 0; i < history; ++i) {
      Program program(alone, 0);
      backup(program, i % lanes);
    }
  });
}

Result<std::unique_ptr<Vault>> Crowd::open(Env& e, bool as_writer) { return Vault::open(e, HF_TRY(open_local_store(e, kVault)), as_writer ? kWriter : kSecret); }

std::string Crowd::story() {
  std::string out = "what ended, in order:\n";
  for (const std::string& line : told) out += "  " + line + "\n";
  return out;
}

void Crowd::judge(Program& program, const std::string& what, const Status& status, std::initializer_list<Code> excused) {
  const bool killed = program.was_killed();
  told.push_back(program.process_identity() + ": " + what + ": " + (status ? "done" : status.error().message + " (" + status.error().detail + ")") + (killed ? "; was killed" : ""));
  if (killed) ++tally.kills;
  if (status || killed) return;
  const Code code = status.error().code;
  if (code == Code::conflict) ++tally.conflicts;
  if (damages && code == Code::corrupt) return;
  // It had opened the vault before the keys were rotated, and meets what was written since.
  if (rotates && (status.error().message + status.error().detail).find("key epoch") != std::string::npos) return;
  if (std::find(excused.begin(), excused.end(), code) != excused.end()) return;
  ADD_FAILURE() << what << " failed: " << status.error().message << " (" << status.error().detail << ")\n" << story();
}

Crowd::Known* Crowd::pick(std::string& id, const std::function<bool(const Known&)>& fits) {
  std::vector<std::string> free;
  for (const auto& [name, known] : points_)
    if (!known.busy && fits(known)) free.push_back(name);
  if (free.empty()) return nullptr;
  id = free[below(random, free.size())];
  points_[id].busy = true;
  return &points_[id];
}

void Crowd::backup(Program& program, std::size_t lane) {
  change_tree(env, random, source_of(lane), static_cast<unsigned>(1 + below(random, 10)));
  const std::string tag = "attempt " + std::to_string(++attempts_);
  seen_[tag] = std::make_shared<const Tree>(tree_on_disk(env, source_of(lane)));
  CaptureOptions options;
  options.paths = {source_of(lane)};
  options.tags = {tag};
  options.host = "host";
  options.vault_directory = kVault;
  options.write = kWrite;
  std::string id;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program, writers_ && lane % 2 == 1));
    Progress progress;
    Problems problems;
    const CaptureResult result = HF_TRY(capture(*vault, options, progress, problems));
    if (!result.point.complete() && !program.was_killed()) return Error(Code::incomplete, "could not read " + problems.paths.at(0));
    id = result.point.id.hex();
    if (result.point.complete()) points_[id] = {};
    ++tally.backups;
    return {};
  };
  const Status done = work();
  judge(program, "backup " + tag + " as " + id.substr(0, 8), done, fences ? std::initializer_list<Code>{Code::conflict} : std::initializer_list<Code>{});
}

void Crowd::forget(Program& program) {
  std::string id;
  Known* const known = pick(id, [](const Known&) { return true; });
  if (known == nullptr) return;
  const bool at_once = below(random, 3) != 0;
  const bool was_held = known->held;
  if (!was_held) known->fate = std::max(known->fate, at_once ? Fate::doomed : Fate::shelved);
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    HF_TRY(hf::forget(*vault, *PointId::parse(id), {.grace_seconds = at_once ? 0 : kLongGrace, .reason = "test"}));
    if (was_held) return Error(Code::internal, "a point under a hold was forgotten");
    ++tally.forgotten;
    return {};
  };
  const Status done = work();
  judge(program, std::string(at_once ? "forget at once " : "forget ") + id.substr(0, 8), done, {was_held || known->perhaps_held ? Code::refused : Code::not_found, Code::not_found});
  known->busy = false;
}

void Crowd::undelete(Program& program) {
  std::string id;
  Known* const known = pick(id, [](const Known& k) { return k.fate != Fate::kept; });
  if (known == nullptr) return;
  const bool surely = known->fate == Fate::shelved;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    HF_TRY(hf::undelete(*vault, *PointId::parse(id)));
    known->fate = Fate::kept;
    ++tally.undeleted;
    return {};
  };
  const Status done = work();
  // One whose forgetting was killed may never have been forgotten.
  judge(program, "undelete " + id.substr(0, 8), done, {Code::not_found, surely ? Code::not_found : Code::refused});
  known->busy = false;
}

void Crowd::hold(Program& program) {
  std::string id;
  Known* const known = pick(id, [](const Known& k) { return !k.held; });
  if (known == nullptr) return;
  const bool surely = known->fate != Fate::doomed;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    Hold h;
    h.points = {*PointId::parse(id)};
    h.reason = "test";
    HF_TRY(add_hold(*vault, h));
    known->held = true;
    return {};
  };
  const Status done = work();
  if (program.was_killed()) known->perhaps_held = true;
  judge(program, "hold " + id.substr(0, 8), done, surely ? std::initializer_list<Code>{} : std::initializer_list<Code>{Code::refused, Code::not_found});
  known->busy = false;
}

void Crowd::prune(Program& program) {
  PruneOptions options;
  options.write = kWrite;
  options.unused_percent_max = below(random, 2) == 0 ? 0 : 20;
  if (below(random, 4) == 0) options.repack_bytes_max = below(random, 200'000);
  if (below(random, 2) == 0) options.favour_newest = 0;
  if (fences && below(random, 2) == 0) options.fence_after_ns = 1;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    Progress progress;
    TreeMarker trees(1);
    const PruneReport report = HF_TRY(hf::prune(*vault, options, trees, progress));
    tally.packs_removed += report.packs_removed;
    tally.folded += report.deltas_folded;
    tally.turned += report.deltas_turned;
    ++tally.prunes;
    return {};
  };
  judge(program, "prune", work(), {Code::conflict});
}

void Crowd::verify(Program& program) {
  VerifyOptions options;
  options.depth = below(random, 3) == 0 ? VerifyDepth::structure : VerifyDepth::full;
  options.heal = options.depth == VerifyDepth::full && below(random, 2) == 0;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    Progress progress;
    const VerifyReport report = HF_TRY(hf::verify(*vault, options, progress));
    tally.healed += report.healed_count;
    ++tally.verifies;
    if (report.sound()) return {};
    std::string all;
    for (const Damage& d : report.damage) all += d.object + ": " + d.message + "; ";
    return Error(Code::corrupt, "verify found damage: " + all);
  };
  judge(program, options.heal ? "verify --heal" : options.depth == VerifyDepth::full ? "verify --full" : "verify --structure", work());
}

void Crowd::read(Program& program) {
  std::string id;
  Known* const known = pick(id, [](const Known& k) { return k.fate == Fate::kept; });
  if (known == nullptr) return;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    const RecoveryPoint point = HF_TRY(vault->point(id));
    const auto index = HF_TRY(Index::load(*vault));
    ChunkReader chunks(*vault, *index);
    const Tree tree = HF_TRY(tree_in_vault(chunks, point.root));
    ++tally.reads;
    const std::string wrong = difference(*seen_.at(point.tags.at(0)), tree);
    return wrong.empty() ? Status() : Status(Error(Code::internal, "something else was read: " + wrong));
  };
  judge(program, "read " + id.substr(0, 8), work());
  known->busy = false;
}

void Crowd::restore(Program& program, std::size_t lane) {
  std::string id;
  Known* const known = pick(id, [](const Known& k) { return k.fate == Fate::kept; });
  if (known == nullptr) return;
  const std::string target = kTarget + std::to_string(lane) + "-" + std::to_string(tally.reads++);
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    const RecoveryPoint point = HF_TRY(vault->point(id));
    const auto index = HF_TRY(Index::load(*vault));
    ChunkReader chunks(*vault, *index);
    RestoreOptions options;
    options.target = target;
    Progress progress;
    Problems problems;
    const RestoreReport report = HF_TRY(hf::restore(program, chunks, point, options, progress, problems));
    if (report.damaged_count > 0) return Error(Code::corrupt, "restore found damage: " + report.damaged.at(0).reason);
    if (report.failed > 0) return Error(Code::incomplete, "could not restore " + (problems.paths.empty() ? "something" : problems.paths[0]));
    Tree expected = *seen_.at(point.tags.at(0)), actual = tree_on_disk(env, target);
    const std::string wrong = difference(expected, actual);
    return wrong.empty() ? Status() : Status(Error(Code::internal, "something else was restored: " + wrong));
  };
  judge(program, "restore " + id.substr(0, 8), work());
  known->busy = false;
}

void Crowd::rebuild(Program& program) {
  ++rebuilding_;
  const auto work = [&]() -> Status {
    auto store = HF_TRY(adopt_local_store(program, kVault));
    HF_TRY(restore_description(*store));
    const auto vault = HF_TRY(Vault::open(program, std::move(store), kSecret));
    RebuildReport report;
    Progress progress;
    return hf::rebuild(*vault, report, progress);
  };
  const Status done = work();
  --rebuilding_;
  judge(program, "rebuild", done);
}

void Crowd::rotate_keys(Program& program) {
  rotates = true;
  const auto work = [&]() -> Status {
    const auto vault = HF_TRY(open(program));
    HF_TRY(hf::rotate_keys(*vault));
    return {};
  };
  judge(program, "key rotate", work(), {Code::conflict, Code::refused});
}

void Crowd::damage() {
  damages = true;
  std::vector<std::string> packs;
  for (const std::string& path : env.paths_below(std::string(kVault) + "/packs"))
    if (env.get_file(path) && hits_[path] < kHitsMax) packs.push_back(path);
  if (packs.empty()) return;
  const std::string path = packs[below(random, packs.size())];
  std::string content = *env.get_file(path);
  content[below(random, content.size())] ^= static_cast<char>(1 << below(random, 8));
  env.put_file(path, content, 0600);
  ++hits_[path];
  told.push_back("damaged: " + path);
}

testing::AssertionResult Crowd::holds() {
  const auto failed = [&](const std::string& what, const Error& e) { return testing::AssertionFailure() << what << ": " << e.message << " (" << e.detail << ")\n" << story(); };
  const auto vault = open(env);
  if (!vault) return failed("opening the vault", vault.error());
  const auto list = (*vault)->points();
  if (!list) return failed("listing the points", list.error());
  if (!list->damaged.empty()) return failed("point " + list->damaged[0].name + " can't be read", list->damaged[0].error);
  std::set<std::string> listed, exist;
  std::vector<const RecoveryPoint*> all;
  for (const RecoveryPoint& p : list->points) listed.insert(p.id.hex()), all.push_back(&p);
  exist = listed;
  for (const ForgottenPoint& f : list->forgotten) exist.insert(f.point.id.hex()), all.push_back(&f.point);
  for (const auto& [id, known] : points_) {
    if (known.busy) continue;
    if (known.fate == Fate::kept && !listed.contains(id)) return testing::AssertionFailure() << "point " << id << " should be listed, and is not\n" << story();
    if ((known.fate == Fate::shelved || known.held) && !exist.contains(id)) return testing::AssertionFailure() << "point " << id << " should exist, and does not\n" << story();
  }
  const auto index = Index::load(**vault);
  if (!index) return failed("opening the index", index.error());
  std::set<std::string> packs;
  const auto there = (*vault)->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { packs.emplace(name); });
  if (!there) return failed("listing the packs", there.error());
  // A rebuild may list what a prune removes a moment later: it looks again at the end, and backups ask the store.
  for (const IndexedPack& p : (*index)->packs())
    if (rebuilding_ == 0 && !packs.contains(p.id.hex())) return testing::AssertionFailure() << "the index names pack " << p.id.brief() << ", which is absent\n" << story();
  if (damages) return testing::AssertionSuccess();  // goes_on() heals, and looks again
  ChunkReader chunks(**vault, **index);
  for (const RecoveryPoint* p : all) {
    // A rebuild brings back what it finds no verdict on, and looks again at once.
    const auto known = points_.find(p->id.hex());
    if (rebuilding_ > 0 && known != points_.end() && known->second.fate == Fate::doomed) continue;
    const auto tree = tree_in_vault(chunks, p->root);
    if (!tree) return failed("point " + p->id.brief() + " of " + p->tags.at(0) + " is not whole", tree.error());
    const std::string wrong = difference(*seen_.at(p->tags.at(0)), *tree);
    if (!wrong.empty()) return testing::AssertionFailure() << "point " << p->id.brief() << " holds something else:\n" << wrong << story();
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult Crowd::goes_on() {
  const auto step = [&](const std::string& what, auto&& work) -> testing::AssertionResult {
    Schedule alone(env, 1, 1, 1000);
    alone.run([&](std::size_t) {
      Program program(alone, 0);
      work(program);
    });
    if (testing::Test::HasFailure()) return testing::AssertionFailure() << what;
    return testing::AssertionSuccess();
  };
  if (damages) {
    const auto vault = open(env);
    if (!vault) return testing::AssertionFailure() << vault.error().message;
    Progress progress;
    const auto healed = hf::verify(**vault, {.heal = true}, progress);
    if (!healed || !healed->sound())
      return testing::AssertionFailure() << "what was damaged within its parity does not heal: " << (healed ? healed->damage.at(0).object + ": " + healed->damage.at(0).message : healed.error().message) << "\n" << story();
    tally.healed += healed->healed_count;
    damages = false;
  }
  if (auto held = holds(); !held) return testing::AssertionFailure() << "when all had ended: " << held.message();
  if (auto done = step("the next prune", [&](Program& p) { prune(p); }); !done) return done;
  if (auto done = step("the next backup", [&](Program& p) { backup(p, 0); }); !done) return done;
  fences = false;
  if (auto done = step("the prune after", [&](Program& p) { prune(p); }); !done) return done;
  env.crash(Survive::nothing);
  if (auto held = holds(); !held) return testing::AssertionFailure() << "in the end: " << held.message();
  return step("the last verify", [&](Program& p) { verify(p); });
}

}  // namespace hf::simulation
