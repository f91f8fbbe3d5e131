#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/text.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "verify/verify.hpp"

namespace hf::cli {
namespace {

Json json_of(const Damage& d) {
  Json j = {{"kind", name_of(d.kind)}, {"object", d.object}, {"message", d.message}, {"hint", d.hint}};
  if (d.bytes > 0) {
    j["offset"] = d.offset;
    j["bytes"] = d.bytes;
  }
  j["chunks"] = d.chunks;
  j["healed"] = d.healed;
  j["files"] = d.files;
  j["points"] = d.points;
  return j;
}

Json json_of(const VerifyReport& r, std::string_view depth, double seconds) {
  Json damage = Json::array(), affected = Json::array(), points = Json::array();
  for (const Damage& d : r.damage) damage.push_back(json_of(d));
  for (const AffectedPath& a : r.affected) {
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
  for (const AffectedPoint& p : r.affected_points) {
    Json j = {{"id", p.id.hex()}, {"time", utc_time(p.time_ns)}};
    put_name(j, "source", p.source);
    j["paths"] = p.paths;
    points.push_back(std::move(j));
  }
  Json notes = Json::array(), healed = Json::array();
  for (const std::string& n : r.notes) notes.push_back(printable(n));
  for (const HealedObject& h : r.healed) healed.push_back({{"object", h.object}, {"message", h.message}, {"offset", h.offset}, {"blocks", h.blocks}, {"bytes", h.bytes}});
  return {{"sound", r.sound()},
          {"depth", depth},
          {"packs", r.packs},
          {"packs_read", r.packs_read},
          {"bytes", r.pack_bytes},
          {"bytes_read", r.pack_bytes_read},
          {"bytes_plain", r.plain_bytes_read},
          {"chunks_read", r.chunks_read},
          {"index_runs", r.index_runs},
          {"index_entries", r.index_entries},
          {"points", r.points},
          {"nodes", r.nodes},
          {"references", r.references},
          {"key_slots", r.key_slots},
          {"trees_checked", r.trees_checked},
          {"healed_count", r.healed_count},
          {"healed", std::move(healed)},
          {"parity", {{"wanted", r.parity.wanted}, {"objects", r.parity.objects}, {"bytes", r.parity.bytes}, {"read", r.parity.read}, {"damaged", r.parity.damaged},
                      {"packs_without", r.parity.packs_without}, {"made", r.parity.made}}},
          {"stripes", {{"looked", r.stripes.looked}, {"stripes", r.stripes.stripes}, {"objects", r.stripes.objects}, {"bytes", r.stripes.bytes}, {"read", r.stripes.read}, {"damaged", r.stripes.damaged},
                       {"lacking", r.stripes.lacking}, {"packs_without", r.stripes.packs_without}, {"made", r.stripes.made}}},
          {"damage_count", r.damage_count},
          {"damage", std::move(damage)},
          {"affected_count", r.affected_count},
          {"affected", std::move(affected)},
          {"affected_points", std::move(points)},
          {"orphan_packs", r.orphan_packs},
          {"orphan_bytes", r.orphan_bytes},
          {"unknown_objects", r.unknown_objects},
          {"notes", std::move(notes)},
          {"proof", r.proof.empty() ? Json(nullptr) : Json(r.proof)},
          {"seconds", seconds}};
}

Error error_of(const Damage& d, bool with_cost) {
  Error e(Code::corrupt, d.message, d.hint);
  if (!with_cost) return e;
  if (d.chunks > 0) e.detail = counted(d.chunks, "chunk", "chunks");
  if (d.files > 0) {
    e.detail += e.detail.empty() ? "" : "; ";
    for (std::size_t i = 0; i < d.first_files.size(); ++i) e.detail += (i > 0 ? ", " : "") + printable(d.first_files[i]);
    if (d.files > d.first_files.size()) e.detail += " and " + human_count(d.files - d.first_files.size()) + " more";
    e.detail += ", in " + counted(d.points, "recovery point", "recovery points");
  } else if (d.chunks > 0) {
    e.detail += ", which no recovery point needs";
  }
  return e;
}

void tell_damage(Invocation& in, const VerifyReport& r) {
  constexpr std::size_t kTold = 20;
  const std::size_t told = in.out.verbose() ? r.damage.size() : std::min(kTold, r.damage.size());
  for (std::size_t i = 0; i < told; ++i) {
    if (r.damage[i].healed) in.out.note("note: " + r.damage[i].message + "; " + r.damage[i].hint);
    else if (harmless(r.damage[i].kind)) in.out.warn(error_of(r.damage[i], false));
    else in.out.error(error_of(r.damage[i], r.trees_checked));
  }
  if (r.damage_count > told) in.out.note(human_count(r.damage_count - told) + " more findings of damage" + (told < r.damage.size() ? " (--verbose or --json tells of them)" : ""));
  if (r.affected.empty()) return;
  in.out.line("");
  in.out.line("Not wholly restorable: " + counted(r.affected_count, "path", "paths") + " in " + counted(r.affected_points.size(), "recovery point", "recovery points") + " of " + human_count(r.points) + ".");
  const std::size_t shown = in.out.verbose() ? r.affected.size() : std::min(kTold, r.affected.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const AffectedPath& a = r.affected[i];
    std::string what;
    if (a.directory && !a.lost_from.empty()) what = "names from '" + a.lost_from + "' on are lost";
    else if (a.directory) what = "the directory can't be read; nor what is in it";
    else what = human_bytes(a.bytes_lost) + " lost";
    in.out.line("  " + printable(a.path) + (a.directory && !a.path.ends_with('/') ? "/" : "") + "  " + printable(what) + ", in " + counted(a.points, "point", "points") + ", newest " + a.newest.brief());
  }
  if (r.affected_count > shown) in.out.line("  and " + human_count(r.affected_count - shown) + " more" + (shown < r.affected.size() ? " (--verbose or --json)" : ""));
  std::string ids;
  for (std::size_t i = 0; i < std::min<std::size_t>(8, r.affected_points.size()); ++i) ids += (i > 0 ? " " : "") + r.affected_points[i].id.brief();
  if (r.affected_points.size() > 8) ids += " and " + human_count(r.affected_points.size() - 8) + " more";
  in.out.line("  Points: " + ids + ".  Everything else in them restores.");
}

void tell_healing(Invocation& in, const VerifyReport& r) {
  constexpr std::size_t kTold = 20;
  const std::size_t told = in.out.verbose() ? r.healed.size() : std::min(kTold, r.healed.size());
  for (std::size_t i = 0; i < told; ++i) in.out.line("healed: " + r.healed[i].message);
  if (r.healed_count > told) in.out.line("healed: " + human_count(r.healed_count - told) + " more" + (told < r.healed.size() ? " (--verbose or --json)" : ""));
  if (r.parity.made > 0) in.out.note("parity made for " + counted(r.parity.made, "pack", "packs"));
  if (r.healed_count > 0) in.out.note("Damage comes from somewhere: look after the disk (dmesg; smartctl -a), and keep a copy of the vault on another one.");
}

void tell_soundness(Invocation& in, const VerifyReport& r, bool sample) {
  const std::string trees = counted(r.points, "recovery point", "recovery points") + ", " + human_count(r.references) + " references";
  if (!r.trees_checked) {
    in.out.line("Sound as stored: " + counted(r.packs_read, "pack", "packs") + " and " + counted(r.index_runs, "index run", "index runs") + " hold what was stored. Without a secret nothing was opened: of recovery points only the envelope was checked.");
  } else if (r.depth == VerifyDepth::structure) {
    in.out.line("Sound in structure: every reference leads to a stored chunk (" + trees + ").");
    in.out.note("File content was not read. To read all of it: holdfast verify --full, or some of it each day: holdfast verify --sample 5%");
  } else if (r.depth == VerifyDepth::ciphertext) {
    in.out.line("Sound as stored: " + counted(r.packs_read, "pack", "packs") + " hold what was stored, and every reference leads to a stored chunk (" + trees + ").");
  } else if (sample) {
    in.out.line("Sound: " + counted(r.packs_read, "pack", "packs") + " of " + human_count(r.packs) + " read back, every chunk in them has its identity; every reference leads to a stored chunk (" + trees + ").");
    if (r.oldest_proof_ns == 0 && r.packs_read < r.packs) in.out.note("Some packs were never read back; go on: holdfast verify --sample 5%");
  } else {
    in.out.line("Sound: every chunk was read back and has its identity, and every reference leads to one (" + trees + ").");
  }
}

Result<int> run(Invocation& in) {
  const bool structure = in.flag("structure"), ciphertext = in.flag("ciphertext");
  const auto sample = in.percent("sample");
  if (structure + ciphertext + (in.flag("full") || sample) > 1) return Error(Code::usage, "only one of --structure, --ciphertext, --full and --sample can be used", "holdfast verify --full includes the others");
  if (sample && (*sample <= 0 || *sample > 100)) return Error(Code::usage, "--sample takes more than 0% and at most 100%", "for example: --sample 5%");
  const bool heal = in.flag("heal");
  if (heal && structure) return Error(Code::usage, "--heal needs to read the packs, and --structure does not", "holdfast verify --heal reads everything; --sample 5% --heal some of it; --ciphertext --heal needs no secret");
  const bool full = in.flag("full") || (heal && !ciphertext && !sample);
  VerifyOptions options;
  options.heal = heal;
  options.depth = ciphertext ? VerifyDepth::ciphertext : full || sample ? VerifyDepth::full : VerifyDepth::structure;
  options.sample_percent = sample.value_or(100);
  options.jobs = in.settings.jobs;
  options.store_proof = !in.flag("no-proof");
  const std::string_view depth = sample ? "sample" : ciphertext ? "ciphertext" : full ? "full" : "structure";

  // Ciphertext needs no secret: none is asked for, and one that is there is used.
  const bool keyless = ciphertext && in.settings.secret.kind == SecretSource::Kind::none;
  std::unique_ptr<ObjectStore> store;
  std::unique_ptr<Vault> vault;
  if (keyless) store = HF_TRY(open_store(in));
  else vault = HF_TRY(open_vault(in));
  const StripePlace stripes = HF_TRY(find_stripes(in, keyless ? *store : vault->store(), in.text("stripes")));
  if (stripes.problem) in.out.warn(*stripes.problem);
  options.stripes = stripes.store;
  const std::string place = keyless ? store->place() : vault->store().place();

  ProgressView view(in.out, in.env, in.progress, place.substr(place.rfind('/') + 1));
  const DamageSink found = [&](const Damage& d) {
    in.progress.errors.fetch_add(1, std::memory_order_relaxed);
    in.out.detail(d.message);
  };
  auto result = keyless ? verify_ciphertext(*store, options.jobs, in.progress, found, heal, stripes.store) : verify(*vault, options, in.progress, found);
  view.stop();
  const double seconds = view.seconds();
  VerifyReport r = HF_TRY(std::move(result));
  in.out.json(json_of(r, depth, seconds));
  if (r.packs_read > 0)
    in.out.note(fmt::format("read back {}, {} at {}/s in {}", counted(r.packs_read, "pack", "packs"), human_bytes(r.pack_bytes_read),
                            human_bytes(static_cast<std::uint64_t>(static_cast<double>(r.pack_bytes_read) / std::max(seconds, 1e-3))), human_duration(seconds)));
  tell_healing(in, r);
  tell_damage(in, r);
  for (const std::string& n : r.notes) in.out.note("note: " + n);
  if (r.unknown_objects > 0) in.out.note("note: " + counted(r.unknown_objects, "file has a name", "files have names") + " that Holdfast does not give; they are left alone");
  if (!r.proof_problem.empty()) in.out.warn("What was read back could not be written down (" + r.proof_problem + "); the vault itself is not affected.");
  if (r.sound()) {
    tell_soundness(in, r, sample.has_value() && *sample < 100);
    // The data is whole; what would heal it is not, and whoever watches this status must hear of it.
    return r.parity.damaged + r.stripes.damaged > 0 ? exit_status(Code::corrupt) : 0;
  }
  return exit_status(Code::corrupt);
}

}  // namespace

const Verb& verify_verb() {
  static const Verb verb = {
      .name = "verify",
      .section = "Keep",
      .summary = "check that the vault is whole, and tell what is affected where it is not",
      .description =
          {"--structure (the usual) follows every reference of every recovery point to a chunk in a pack of the right size, and reads no file "
           "content. --full reads every stored byte: opens, decompresses and identifies every chunk, and does all that --structure does. "
           "--sample reads a share of the packs, those that were read back longest ago first, so that a daily 5% reads all in twenty days. "
           "--ciphertext compares stored bytes with their names; without a secret it needs none.",
           "Damage is told with the pack, the range of bytes, and the files and recovery points that it touches; nothing is changed. Packs "
           "proven by --full and --sample are written down in the vault (not with --no-proof).",
           "--heal mends damaged packs from their parity (see `holdfast help parity status`), with or without a secret: it finds the damaged "
           "blocks, computes them anew, proves that the whole has the name it should have, and only then puts it in the place of the damaged "
           "one. Parity that is damaged or lacking is made anew. Without another depth it reads everything, as --full. A pack that is gone, or "
           "damaged in more places than its own parity is for, comes back from its stripe where it is in one (`holdfast help parity stripe`); else that is told, and nothing is "
           "changed. Stripes are looked for where the vault says that they lie, or in --stripes DIR.",
           "Exit status: 0 sound (also where all that was damaged is healed), 5 damage found.",
           "JSON: {\"sound\", \"depth\", \"packs\", \"packs_read\", \"bytes\", \"bytes_read\", \"bytes_plain\", \"chunks_read\", \"index_runs\", "
           "\"index_entries\", \"points\", \"nodes\", \"references\", \"key_slots\", \"trees_checked\", \"healed_count\", \"healed\": [{\"object\", \"message\", \"offset\", "
           "\"blocks\", \"bytes\"}], \"parity\": {\"wanted\", \"objects\", \"bytes\", \"read\", \"damaged\", \"packs_without\", \"made\"}, \"stripes\": {\"looked\", \"stripes\", \"objects\", \"bytes\", "
           "\"read\", \"damaged\", \"lacking\": stripes with a pack that is gone, \"packs_without\", \"made\"}, \"damage_count\", \"damage\": [{\"kind\", "
           "\"object\", \"message\", \"hint\", \"offset\", \"bytes\", \"chunks\", \"healed\", \"files\", \"points\"}], \"affected_count\", \"affected\": "
           "[{\"path\", \"source\", \"what\": file or directory, \"from_name\", \"bytes_lost\", \"points\", \"newest_point\"}], "
           "\"affected_points\": [{\"id\", \"time\", \"source\", \"paths\"}], \"orphan_packs\", \"orphan_bytes\", \"unknown_objects\", "
           "\"notes\", \"proof\", \"seconds\"}. \"damage\" and \"affected\" hold at most 1000 items, the counts tell all. Kinds: missing_pack, "
           "damaged_pack, damaged_index, damaged_point, damaged_key_slot, damaged_description, damaged_lease, damaged_proof, damaged_parity, missing_chunk, "
           "wrong_tree."},
      .examples = {{"holdfast verify", "Whether every reference leads somewhere; quick."},
                   {"holdfast verify --full", "Reads everything back."},
                   {"holdfast verify --sample 5%", "For every day: reads back what was not for longest."},
                   {"holdfast verify --heal", "Reads everything back, and mends from parity what is damaged."},
                   {"holdfast verify --heal --stripes /mnt/second", "The same, with stripes whose disk is mounted elsewhere today."},
                   {"holdfast verify --ciphertext --vault /media/copy", "On a machine that holds no secret."}},
      .options = {{.name = "structure", .help = "follow every reference, read no file content (the usual)"},
                  {.name = "full", .help = "read back everything"},
                  {.name = "sample", .value = "PERCENT", .kind = Kind::percent, .help = "read back a share of the packs, the longest unread first"},
                  {.name = "ciphertext", .help = "compare stored bytes with their names; no secret needed"},
                  {.name = "heal", .help = "mend damaged packs from their parity, and make damaged or lacking parity anew"},
                  {.name = "stripes", .value = "DIR", .help = "where the vault's stripes lie now, if not where it says"},
                  {.name = "no-proof", .help = "do not write down which packs were proven"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
