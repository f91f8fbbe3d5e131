#include <map>
#include <set>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/table.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "format/stripe.hpp"
#include "vault/bases.hpp"
#include "vault/index.hpp"
#include "vault/parity.hpp"

namespace hf::cli {
namespace {

struct Kind {
  std::uint64_t packs = 0, stored = 0, plain = 0, chunks = 0;
};

double ratio(std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); }
std::string times(double r) { return r == 0 ? "-" : fmt::format("{:.2f}x", r); }

Json json_of(const Kind& k) { return {{"packs", k.packs}, {"bytes_stored", k.stored}, {"bytes_plain", k.plain}, {"chunks", k.chunks}, {"ratio", ratio(k.plain, k.stored)}}; }

Result<int> run(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const auto index = HF_TRY(Index::load(*vault));
  Kind data, metadata;
  for (const IndexedPack& p : index->packs()) {
    Kind& k = p.pack_class == PackClass::data ? data : metadata;
    ++k.packs;
    k.stored += p.stored_bytes;
    k.plain += p.plain_bytes;
    k.chunks += p.chunk_count;
  }
  std::map<ObjectKind, std::pair<std::uint64_t, std::uint64_t>> objects;  // count, bytes
  std::uint64_t total = 0;
  for (ObjectKind kind : kObjectKinds)
    HF_TRY(vault->store().list(kind, [&](std::string_view, std::uint64_t bytes) {
      ++objects[kind].first;
      objects[kind].second += bytes;
      total += bytes;
    }));
  const ParityList parity = HF_TRY(list_parity(vault->store()));
  std::uint64_t stripe_objects = 0, stripe_bytes = 0;  // of those that lie in the vault
  HF_TRY(vault->store().list(ObjectKind::parity, [&](std::string_view name, std::uint64_t bytes) {
    if (!StripeObject::parse(name)) return;
    ++stripe_objects;
    stripe_bytes += bytes;
  }));
  const DeltaFigures delta = HF_TRY(delta_figures(*vault, *index));
  const PointList list = HF_TRY(vault->points());
  std::set<std::string> sources;
  std::uint64_t logical = 0, files = 0, largest = 0;
  for (const RecoveryPoint& p : list.points) {
    sources.insert(p.source());
    logical += p.bytes;
    files += p.files;
    largest = std::max(largest, p.bytes);
  }
  const std::uint64_t chunks = data.chunks + metadata.chunks, resident = index->resident_bytes();

  Json answer = Json::object();
  put_name(answer, "vault", vault->store().place());
  answer["id"] = vault->id().hex();
  answer["bytes_stored"] = total;
  answer["parity"] = {{"packs", parity.objects.size()}, {"bytes_stored", parity.bytes}, {"ratio", ratio(parity.bytes, data.stored + metadata.stored)}};
  answer["stripes"] = {{"objects", stripe_objects}, {"bytes_stored", stripe_bytes}};
  answer["points"] = list.points.size();
  answer["points_damaged"] = list.damaged.size();
  answer["sources"] = sources.size();
  answer["files_in_points"] = files;
  answer["bytes_in_points"] = logical;
  answer["data"] = json_of(data);
  answer["metadata"] = json_of(metadata);
  answer["chunks"] = chunks;
  answer["chunk_bytes_mean"] = data.chunks == 0 ? 0 : data.plain / data.chunks;
  answer["compression_ratio"] = ratio(data.plain + metadata.plain, data.stored + metadata.stored);
  answer["deduplication_ratio"] = ratio(logical, data.plain);
  answer["total_ratio"] = ratio(logical, total);
  answer["index"] = {{"runs", objects[ObjectKind::index].first}, {"bytes_stored", objects[ObjectKind::index].second}, {"bytes_resident", resident},
                     {"bytes_resident_per_chunk", ratio(resident, chunks)}};
  answer["delta"] = {{"segments", delta.segments}, {"bytes_plain", delta.bytes_plain}, {"bytes_stored", delta.bytes_stored}, {"bytes_saved", delta.bytes_saved},
                     {"depth_max", delta.depth_max}, {"packs_unread", delta.packs_unread}};
  answer["key_slots"] = HF_TRY(vault->key_slots()).size();
  in.out.json(std::move(answer));

  using A = Table::Align;
  in.out.line("Vault " + printable(vault->store().place()) + " (id " + vault->id().brief() + "), made " + local_time(vault->created_ns()).substr(0, 10));
  Table t({{""}, {""}});
  t.row({"takes", human_bytes(total) + (parity.objects.empty() ? "; no parity" : fmt::format(", of which {} are parity of {} packs ({:.1f}%)", human_bytes(parity.bytes), human_count(parity.objects.size()),
                                                                                              100 * ratio(parity.bytes, data.stored + metadata.stored))) +
                     (stripe_objects > 0 ? "; " + human_bytes(stripe_bytes) + " are parity packs of stripes" : "")});
  t.row({"holds", fmt::format("{} recovery points of {} sources; {} in {} files, counted in each point", human_count(list.points.size()), sources.size(), human_bytes(logical), human_count(files))});
  t.row({"saves", fmt::format("{} in all: {} by storing equal content once, {} by compression", times(ratio(logical, total)), times(ratio(logical, data.plain)),
                              times(ratio(data.plain, data.stored)))});
  t.print(in.out);
  in.out.line("");
  Table packs({{"", A::left}, {"PACKS", A::right}, {"CHUNKS", A::right}, {"PLAIN", A::right}, {"STORED", A::right}, {"RATIO", A::right}});
  packs.row({"data", human_count(data.packs), human_count(data.chunks), human_bytes(data.plain), human_bytes(data.stored), times(ratio(data.plain, data.stored))});
  packs.row({"metadata", human_count(metadata.packs), human_count(metadata.chunks), human_bytes(metadata.plain), human_bytes(metadata.stored), times(ratio(metadata.plain, metadata.stored))});
  packs.print(in.out);
  in.out.line("");
  in.out.line(fmt::format("index: {} in {} runs; {} in memory now, {:.2f} bytes a chunk", human_bytes(objects[ObjectKind::index].second), objects[ObjectKind::index].first, human_bytes(resident),
                          ratio(resident, chunks)));
  if (delta.segments > 0)
    in.out.line(fmt::format("delta: {} stored in {} as what differs from older content, which saves about {}; at most {} deep", human_bytes(delta.bytes_plain), human_bytes(delta.bytes_stored),
                            human_bytes(delta.bytes_saved), delta.depth_max));
  if (!list.damaged.empty()) {
    in.out.error(Error(Code::corrupt, human_count(list.damaged.size()) + " recovery points can't be read and are not counted", "see what is affected: holdfast verify"));
    return exit_status(Code::corrupt);
  }
  return 0;
}

}  // namespace

const Verb& stats_verb() {
  static const Verb verb = {
      .name = "stats",
      .section = "Look",
      .summary = "show what the vault takes and what it saves",
      .description =
          {"Sizes as they are stored, what deduplication and compression save, and what the index takes. Figures come from the index, the "
           "recovery points and, of each pack, its directory; what deltas save is estimated from how well other content compresses.",
           "JSON: {\"vault\", \"id\", \"bytes_stored\" (all), \"parity\" (a part of it): {\"packs\", \"bytes_stored\", \"ratio\"}, \"stripes\" (likewise; only those in the vault itself): {\"objects\", \"bytes_stored\"}, \"points\", \"points_damaged\", \"sources\", \"files_in_points\", \"bytes_in_points\", \"data\" and "
           "\"metadata\": {\"packs\", \"bytes_stored\", \"bytes_plain\", \"chunks\", \"ratio\"}, \"chunks\", \"chunk_bytes_mean\", \"compression_ratio\", "
           "\"deduplication_ratio\", \"total_ratio\", \"index\": {\"runs\", \"bytes_stored\", \"bytes_resident\", \"bytes_resident_per_chunk\"}, "
           "\"delta\": {\"segments\", \"bytes_plain\", \"bytes_stored\", \"bytes_saved\", \"depth_max\", \"packs_unread\"}, \"key_slots\"}."},
      .examples = {{"holdfast stats", "The figures as text."}, {"holdfast stats --json", "The same for programs."}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
