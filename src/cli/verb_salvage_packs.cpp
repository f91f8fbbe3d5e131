#include <algorithm>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "recovery/found_keys.hpp"
#include "recovery/salvage.hpp"
#include "recovery/same_device.hpp"
#include "store/local/local_store.hpp"

namespace hf::cli {
namespace {

constexpr std::size_t kPathsShown = 20;

std::string_view name_of(SalvagedState state) {
  switch (state) {
    case SalvagedState::whole: return "whole";
    case SalvagedState::part: return "part";
    case SalvagedState::nothing: return "nothing";
  }
  return "unknown";
}

/// Sources, with the map of the only one; refuses what would be both read and written.
Status add_sources(Invocation& in, RawSources& sources, const std::string& into) {
  const auto paths = in.arguments("SOURCE");
  std::vector<ByteGap> gaps;
  if (in.given("map")) {
    if (paths.size() != 1) return Error(Code::usage, "a map belongs to one image, and " + human_count(paths.size()) + " sources were named", "salvage that image by itself: holdfast salvage packs IMAGE --map FILE --into DIR");
    const std::string file = in.text("map");
    const Buffer text = HF_TRY(in.env.read_file(file, kRescueMapBytesMax).context([&] { return "reading the map " + printable(file); }));
    gaps = gaps_of(HF_TRY(parse_rescue_map(as_text(text)).context([&] { return printable(file); })));
  }
  for (const std::string& path : paths) {
    if (!into.empty()) {
      const std::string absolute = HF_TRY(in.env.absolute_path(path));
      if (into == absolute || into.starts_with(absolute + "/")) return Error(Code::usage, "--into " + printable(into) + " lies in what is to be read, " + printable(path), "choose a place on another disk");
      if (HF_TRY(rests_on_device(in.env, into, path)))
        return Error(Code::refused, "--into " + printable(into) + " lies on the disk that is to be read, " + printable(path), "writing to it may destroy what is to be saved: choose a place on another disk");
    }
    HF_TRY(sources.add(path, gaps));
  }
  if (sources.count() == 0) return Error(Code::not_found, "there are no files in " + printable(paths[0]), "name an image, a folder of carved files, or a device");
  return {};
}

/// The vault to save, of those that were found, and what it begins with.
Result<VaultBeginnings> choose_vault(Invocation& in, const Catalogue& catalogue) {
  std::vector<FoundVault> vaults = vaults_of(catalogue);
  if (const std::string wanted = in.text("vault-id"); !wanted.empty()) {
    std::erase_if(vaults, [&](const FoundVault& v) { return !v.id.hex().starts_with(wanted); });
    if (vaults.empty()) return Error(Code::not_found, "nothing was found of a vault whose id begins with '" + printable(wanted) + "'", "leave --vault-id out to see which vaults there are");
  }
  if (vaults.empty() && catalogue.frames.empty()) return Error(Code::not_found, "nothing of a vault was found in " + human_bytes(catalogue.bytes_scanned), "is it the right image? A compressed or encrypted one must be unpacked first");
  std::string found;
  for (const FoundVault& v : vaults) found += (found.empty() ? "" : "; ") + counted(v.packs, "pack", "packs") + " of vault " + v.id.brief();
  std::erase_if(vaults, [](const FoundVault& v) { return v.slots.empty(); });
  if (vaults.empty())
    return Error(Code::not_found, "no key slot was found, and without one nothing that was found opens",
                 "give the folder keys/ (or one file of it) of any copy of the vault, however old: --slots-from DIR. The recovery sheet or the passphrase opens a slot; it does not replace one")
        .with_detail(found.empty() ? counted(catalogue.frames.size(), "piece", "pieces") + " of packs" : found);

  std::vector<VaultBeginnings> opened;
  HF_TRY(open_with_secret(in, vaults[0].id, "vault " + vaults[0].id.brief() + ", of which packs were found", [&](SlotSecret& slot_secret) -> Status {
    const hf::Secret secret = slot_secret.view();
    Status last;
    for (const FoundVault& v : vaults) {
      auto beginnings = open_found(in.env, v, secret);
      if (beginnings) opened.push_back(std::move(*beginnings));
      else if (beginnings.error().code != Code::wrong_secret) return beginnings.error();
      else last = beginnings.error();
    }
    return opened.empty() ? last : Status();
  }));
  if (opened.size() > 1) {
    std::vector<std::string> ids;
    for (const VaultBeginnings& v : opened) ids.push_back(v.id.brief());
    return Error(Code::usage, "the secret opens " + human_count(opened.size()) + " vaults that were found: " + listed(ids), "name one: --vault-id " + ids[0]);
  }
  return std::move(opened[0]);
}

/// An empty place, or what a salvage of the same vault left there.
Result<std::unique_ptr<ObjectStore>> make_place(Invocation& in, const std::string& into, const VaultBeginnings& vault) {
  auto store = HF_TRY(create_local_store(in.env, into));
  std::vector<std::string> slots;
  HF_TRY(store->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { slots.emplace_back(name); }));
  for (const std::string& name : slots) {
    const auto slot = KeySlot::decode(HF_TRY(store->get({ObjectKind::key, name}, kSlotBytesMax)));
    if (!slot || slot->vault != vault.id) return Error(Code::already_exists, printable(into) + " holds what is left of another vault", "choose an empty or a new directory");
  }
  bool there = false;
  HF_TRY(store->list(ObjectKind::pack, [&](std::string_view, std::uint64_t) { there = true; }));
  if (there) in.out.note("Going on with what an earlier salvage left in " + printable(into) + ".");
  return store;
}

Json json_of(const SalvageReport& r, const Catalogue& c, const VaultBeginnings& vault, const std::string& into, double seconds) {
  Json others = Json::array(), points = Json::array(), missing = Json::array(), affected = Json::array();
  for (const FoundVault& v : vaults_of(c))
    if (v.id != vault.id) others.push_back({{"id", v.id.hex()}, {"packs", v.packs}});
  for (const SalvagedPoint& p : r.points) {
    Json j = {{"id", p.point.id.hex()}, {"time", utc_time(p.point.started_ns)}};
    put_name(j, "source", p.point.source());
    j["files"] = p.point.files;
    j["bytes"] = p.point.bytes;
    j["state"] = name_of(p.state);
    j["paths_hit"] = p.paths_hit;
    points.push_back(std::move(j));
  }
  for (const PointId& id : r.points_missing) missing.push_back(id.hex());
  for (const AffectedPath& a : r.assessment.affected) {
    Json j = Json::object();
    put_name(j, "path", a.path);
    put_name(j, "source", a.source);
    j["what"] = a.directory ? "directory" : "file";
    if (!a.lost_from.empty()) put_name(j, "from_name", a.lost_from);
    j["bytes_lost"] = a.bytes_lost;
    j["points"] = a.points;
    j["newest_point"] = a.newest.hex();
    affected.push_back(std::move(j));
  }
  return {{"vault", into.empty() ? Json(nullptr) : Json(printable(into))},
          {"id", vault.id.hex()},
          {"all_whole", r.all_whole()},
          {"bytes_scanned", c.bytes_scanned},
          {"gaps", c.gap_count},
          {"gap_bytes", c.gap_bytes},
          {"packs_whole", r.packs_whole},
          {"packs_broken", r.packs_broken},
          {"segments_saved", r.segments_saved},
          {"segments_joined", r.segments_joined},
          {"segments_known", r.segments_known},
          {"segments_damaged", r.segments_damaged},
          {"segments_foreign", r.segments_foreign},
          {"segments_untried", r.segments_untried},
          {"chunks", r.chunks},
          {"bytes_saved", r.bytes_saved},
          {"description_made", vault.description_made},
          {"key_slots", vault.slots.size()},
          {"other_vaults", std::move(others)},
          {"points", std::move(points)},
          {"points_damaged", r.points_damaged},
          {"points_missing", std::move(missing)},
          {"affected_count", r.assessment.affected_count},
          {"affected", std::move(affected)},
          {"seconds", seconds}};
}

void tell_points(Invocation& in, const SalvageReport& r) {
  if (r.points.empty()) {
    in.out.line("No recovery point was found.");
    return;
  }
  Table table({{"POINT"}, {"TIME"}, {"SOURCE"}, {"FILES", Table::Align::right}, {"BACK"}});
  for (const SalvagedPoint& p : r.points) {
    const std::string back = p.state == SalvagedState::whole ? "whole" : p.state == SalvagedState::nothing ? "nothing: its root directory is lost" : "in part: " + counted(p.paths_hit, "path", "paths") + " lost something";
    table.row({p.point.id.brief(), local_time(p.point.started_ns).substr(0, 16), printable(p.point.source()), human_count(p.point.files), back});
  }
  table.print(in.out);
  const VerifyReport& v = r.assessment;
  if (v.affected.empty()) return;
  in.out.line("");
  in.out.line("Not wholly back: " + counted(v.affected_count, "path", "paths") + ".");
  const std::size_t shown = in.out.verbose() ? v.affected.size() : std::min(kPathsShown, v.affected.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const AffectedPath& a = v.affected[i];
    const std::string what = !a.directory ? human_bytes(a.bytes_lost) + " lost" : a.lost_from.empty() ? "the directory and what is in it" : "names from '" + a.lost_from + "' on";
    in.out.line("  " + printable(a.path) + (a.directory && !a.path.ends_with('/') ? "/" : "") + "  " + printable(what) + ", in " + counted(a.points, "point", "points") + ", newest " + a.newest.brief());
  }
  if (v.affected_count > shown) in.out.line("  and " + human_count(v.affected_count - shown) + " more" + (shown < v.affected.size() ? " (--verbose or --json)" : ""));
}

void tell_findings(Invocation& in, const SalvageReport& r, const Catalogue& c, const VaultBeginnings& vault) {
  if (c.gap_count > 0) in.out.warn(human_bytes(c.gap_bytes) + " in " + counted(c.gap_count, "area", "areas") + " could not be read and were passed over.");
  for (const FoundVault& v : vaults_of(c))
    if (v.id != vault.id && v.packs > 0) in.out.note("note: " + counted(v.packs, "pack", "packs") + " of another vault, " + v.id.hex() + ", were left out");
  if (vault.description_made) in.out.note("note: the vault's description was not found; a new one was made, with the usual sizes of chunks");
  if (r.segments_damaged > 0) in.out.note("note: " + counted(r.segments_damaged, "piece", "pieces") + " of this vault's packs did not open");
  if (r.segments_untried > 0) in.out.warn(counted(r.segments_untried, "piece was", "pieces were") + " not tried: too much that looks like packs does not open.");
  if (!r.points_missing.empty()) {
    std::vector<std::string> ids;
    for (const PointId& id : r.points_missing)
      if (ids.size() < 8) ids.push_back(id.brief());
    in.out.note("note: " + counted(r.points_missing.size(), "recovery point is", "recovery points are") + " named by others and " + (r.points_missing.size() == 1 ? "was" : "were") + " not found: " + listed(ids) + (r.points_missing.size() > ids.size() ? " …" : ""));
  }
}

Result<int> run(Invocation& in) {
  const bool dry = in.flag("dry-run");
  if (!dry && !in.given("into")) return Error(Code::usage, "--into is missing: where to put what is saved", "name a new directory on another disk: --into DIR, or look first: --dry-run");
  const std::string into = dry ? "" : HF_TRY(in.env.absolute_path(in.text("into")));
  RawSources sources(in.env), key_sources(in.env);
  HF_TRY(add_sources(in, sources, into));
  for (const std::string& path : in.texts("slots-from")) HF_TRY(key_sources.add(path));

  Catalogue catalogue;
  ProgressView view(in.out, in.env, in.progress, "scan");
  in.progress.bytes_total = sources.bytes_total();
  auto scanned = scan_into(catalogue, sources, in.progress);
  if (scanned) scanned = scan_into(catalogue, key_sources, in.progress, true);
  const double scan_seconds = view.seconds();
  view.stop();
  HF_TRY(std::move(scanned));
  in.out.note(fmt::format("scanned {} at {}/s: {}, {} of packs, {}", human_bytes(catalogue.bytes_scanned),
                          human_bytes(static_cast<std::uint64_t>(static_cast<double>(catalogue.bytes_scanned) / std::max(scan_seconds, 1e-3))),
                          counted(catalogue.packs.size(), "beginning", "beginnings"), counted(catalogue.frames.size(), "piece", "pieces"), counted(catalogue.slots.size(), "key slot", "key slots")));

  const VaultBeginnings beginnings = HF_TRY(choose_vault(in, catalogue));
  std::unique_ptr<ObjectStore> store;
  ViewStore* seen = nullptr;
  UnfinishedStore* unfinished = nullptr;
  if (dry) {
    auto s = std::make_unique<ViewStore>(sources);
    HF_TRY(s->put(config_name(), beginnings.description));
    seen = s.get();
    store = std::move(s);
  } else {
    auto s = std::make_unique<UnfinishedStore>(HF_TRY(make_place(in, into, beginnings)), beginnings.description);
    unfinished = s.get();
    store = std::move(s);
  }
  const auto vault = HF_TRY(begin_vault(in.env, std::move(store), beginnings));
  ProgressView saving(in.out, in.env, in.progress, dry ? "look" : "save");
  const SalvageOptions options{.jobs = in.settings.jobs};
  auto result = dry ? assess_salvage(*vault, *seen, sources, catalogue, options, in.progress) : salvage(*vault, sources, catalogue, options, in.progress);
  saving.stop();
  if (!result && result.error().code == Code::cancelled) result.error().hint = "what was saved stays; run the same command again to go on";
  const SalvageReport report = HF_TRY(std::move(result));
  if (unfinished != nullptr) HF_TRY(unfinished->complete());

  in.out.json(json_of(report, catalogue, beginnings, into, view.seconds()));
  in.out.note(fmt::format("{} {} whole and {} in pieces: {}, {}", dry ? "there are" : "saved", counted(report.packs_whole, "pack", "packs"), human_count(report.packs_broken),
                          counted(report.chunks, "chunk", "chunks"), human_bytes(report.bytes_saved)));
  tell_findings(in, report, catalogue, beginnings);
  tell_points(in, report);
  if (dry) in.out.line("Nothing was written.");
  else in.out.note("The new vault is " + printable(into) + ". Read all of it back: holdfast verify --full --vault " + shell_quoted(into));
  return report.all_whole() ? 0 : exit_status(Code::corrupt);
}

}  // namespace

const Verb& salvage_packs_verb() {
  static const Verb verb = {
      .name = "salvage packs",
      .section = "Keep",
      .summary = "make a new vault of packs found in raw bytes or carved files",
      .description =
          {"Searches raw bytes for what belongs to a vault: no file system, no names and no order are needed. Packs that are whole are copied; of "
           "others every piece that opens is saved; key slots, the description and recovery points are taken from where they lie, or from the "
           "copies inside packs. The new vault in --into has the id and the keys of the old one.",
           "Sources are never written. Each is read twice: once from front to back, then where something was found. From a disk that dies, make an "
           "image first (ddrescue) and give its map with --map: what was never read is passed over. Memory: 28 MiB for 1 TB of packs, 32 bytes for "
           "each chunk, and about 100 MiB a worker.",
           "It needs a secret of the vault, as always, and a key slot, which is normally found. --slots-from names a file, or a folder, with a key "
           "slot: the keys/ of any copy of the vault.",
           "Then it lists which recovery points came back whole, in part (with the paths and the bytes they lost), or not at all. A salvage that "
           "was broken off goes on when it is run again.",
           "Exit status: 0 everything, 5 if a recovery point is not whole, or none was found.",
           "JSON: {\"vault\", \"id\", \"all_whole\", \"bytes_scanned\", \"gaps\", \"gap_bytes\", \"packs_whole\", \"packs_broken\", \"segments_saved\", "
           "\"segments_joined\", \"segments_known\", \"segments_damaged\", \"segments_foreign\", \"segments_untried\", \"chunks\", \"bytes_saved\", "
           "\"description_made\", \"key_slots\", \"other_vaults\": [{\"id\", \"packs\"}], \"points\": [{\"id\", \"time\", \"source\", \"files\", "
           "\"bytes\", \"state\": whole, part or nothing, \"paths_hit\"}], \"points_damaged\", \"points_missing\": [id], \"affected_count\", "
           "\"affected\": as `verify` has it, \"seconds\"}."},
      .examples = {{"holdfast salvage packs sdb.img --map sdb.map --into /mnt/new/vault", "From an image that ddrescue made, past what it could not read."},
                   {"holdfast salvage packs recup_dir.1 recup_dir.2 --dry-run", "What is in carved files, without writing anything."},
                   {"holdfast salvage packs /dev/sdb --into /mnt/new/vault --slots-from old-copy/keys", "From a device, with the key slots of another copy."}},
      .arguments = {{.name = "SOURCE", .help = "image, block device, file, or folder of files with any names", .repeat = true}},
      .options = {{.name = "into", .value = "DIR", .help = "the new vault: an empty or a new directory, on another disk"},
                  {.name = "map", .value = "FILE", .help = "the map file of ddrescue that belongs to the image"},
                  {.name = "slots-from", .value = "PATH", .help = "take key slots and the description from there too", .repeat = true},
                  {.name = "vault-id", .value = "ID", .help = "the vault to save, where several are found: the first digits of its id"},
                  {.name = "dry-run", .help = "tell what would come back, and write nothing"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
