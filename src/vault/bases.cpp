#include "vault/bases.hpp"

#include <algorithm>
#include <unordered_map>

namespace hf {

Status for_each_delta(const Vault& vault, SegmentOpener& opener, const PackId& id, const std::function<Status(const SegmentInfo&)>& visit) {
  const auto pack = HF_TRY(vault.store().open({ObjectKind::pack, id.hex()}));
  const PackDirectory directory = HF_TRY(read_pack_directory(vault, *pack, opener));
  for (const SegmentInfo& s : directory.segments)
    if (!s.bases.empty()) HF_TRY(visit(s));
  return {};
}

namespace {

/// Of a pack whose directory does not open: what its segments say of themselves. Which chunks stand on these bases is not
/// known, so they count as needed.
Status scan_bases(const Vault& vault, SegmentOpener& opener, const PackId& id, std::vector<ChunkKey>& out) {
  const auto pack = vault.store().open({ObjectKind::pack, id.hex()});
  if (!pack) return pack.error().code == Code::not_found ? Status() : Status(pack.error());
  return scan_frames(**pack, [&](const FoundFrame& f, ByteView frame) -> Status {
    if (f.header.kind != SealedKind::segment) return {};
    const auto body = opener.open_body(frame);
    const auto head = body ? SegmentHead::decode(*body) : Result<std::pair<SegmentHead, std::size_t>>(body.error());
    if (!head || head->first.bases.empty()) return {};
    for (const ChunkId& base : head->first.bases) out.push_back(ChunkKey::of(base));
    return {};
  });
}

}  // namespace

Result<KnownDeltas> learn_deltas(const Vault& vault, const Index& index, NeedGraph& graph) {
  KnownDeltas out;
  SegmentOpener opener(vault);
  for (const IndexedPack& p : index.packs()) {
    if (graph.knows_pack(p.id)) {
      out.packs.push_back(p.id);
      continue;
    }
    std::vector<NeedGraph::Delta> deltas;
    const auto told = for_each_delta(vault, opener, p.id, [&](const SegmentInfo& s) -> Status {
      NeedGraph::Delta& d = deltas.emplace_back();
      for (const auto& [id, bytes] : s.chunks) d.chunks.push_back(ChunkKey::of(id));
      for (const ChunkId& base : s.bases) d.bases.push_back(ChunkKey::of(base));
      return {};
    });
    if (told) {
      graph.add_pack(p.id, deltas);
      out.packs.push_back(p.id);
      out.learned = true;
    } else if (told.error().code == Code::corrupt) {
      HF_TRY(scan_bases(vault, opener, p.id, out.unclear));
      out.damaged.push_back(p.id);
    } else if (told.error().code != Code::not_found && told.error().code != Code::refused) {
      // Refused: a rehearsed prune has kept no more than the size of a pack that it made. It holds what is needed, and what
      // that stands on is needed anyway.
      return told.error();
    }
  }
  return out;
}

Status distrust_what_stands_on_distrusted(const Vault& vault, Index& index, std::unordered_set<PackId> distrusted) {
  if (distrusted.empty()) return {};
  SegmentOpener opener(vault);
  const auto packs = index.packs();
  for (unsigned round = 0; round < kBaseDepthMax; ++round) {
    std::vector<PackId> hanging;
    for (const IndexedPack& p : packs) {
      if (distrusted.contains(p.id)) continue;
      bool hangs = false;
      const auto looked = for_each_delta(vault, opener, p.id, [&](const SegmentInfo& s) -> Status {
        for (const ChunkId& base : s.bases) {
          if (hangs) return {};
          hangs = !HF_TRY(index.find(base));
        }
        return {};
      });
      // A directory that can't be read is for `verify` to tell of; its segments are found through the index.
      if (!looked && looked.error().code != Code::corrupt && looked.error().code != Code::not_found) return looked;
      if (hangs) hanging.push_back(p.id);
    }
    if (hanging.empty()) return {};
    distrusted.insert(hanging.begin(), hanging.end());
    index.distrust(distrusted);
  }
  return {};
}

Result<DeltaFigures> delta_figures(const Vault& vault, const Index& index) {
  struct Kind {
    std::uint64_t plain = 0, stored = 0, delta_plain = 0, delta_stored = 0;
  } data, metadata;
  struct Delta {
    std::vector<ChunkId> chunks, bases;
    unsigned depth = 1;
  };
  DeltaFigures out;
  std::vector<Delta> deltas;
  SegmentOpener opener(vault);
  for (const IndexedPack& p : index.packs()) {
    const auto pack = vault.store().open({ObjectKind::pack, p.id.hex()});
    const auto directory = pack ? read_pack_directory(vault, **pack, opener) : Result<PackDirectory>(pack.error());
    if (!directory) {
      ++out.packs_unread;
      continue;
    }
    Kind& k = p.pack_class == PackClass::data ? data : metadata;
    for (const SegmentInfo& s : directory->segments) {
      (s.bases.empty() ? k.plain : k.delta_plain) += s.plain_bytes;
      (s.bases.empty() ? k.stored : k.delta_stored) += s.stored_bytes;
      if (s.bases.empty()) continue;
      Delta& d = deltas.emplace_back();
      for (const auto& [id, bytes] : s.chunks) d.chunks.push_back(id);
      d.bases = s.bases;
    }
  }
  out.segments = deltas.size();
  for (const Kind* k : {&data, &metadata}) {
    out.bytes_plain += k->delta_plain;
    out.bytes_stored += k->delta_stored;
    const double alone = k->plain == 0 ? 0 : static_cast<double>(k->delta_plain) * static_cast<double>(k->stored) / static_cast<double>(k->plain);
    if (alone > static_cast<double>(k->delta_stored)) out.bytes_saved += static_cast<std::uint64_t>(alone) - k->delta_stored;
  }
  // Depths, until they hold; a circle, which no writer makes, ends with the bound.
  std::unordered_map<ChunkId, unsigned> depth;
  for (const Delta& d : deltas)
    for (const ChunkId& id : d.chunks) depth[id] = 1;
  for (bool changed = !deltas.empty(); changed;) {
    changed = false;
    for (Delta& d : deltas) {
      unsigned deepest = 1;
      for (const ChunkId& base : d.bases)
        if (const auto at = depth.find(base); at != depth.end()) deepest = std::max(deepest, at->second + 1);
      deepest = std::min(deepest, kBaseDepthMax + 1);
      if (deepest <= d.depth) continue;
      d.depth = deepest;
      changed = true;
      for (const ChunkId& id : d.chunks) depth[id] = std::max(depth[id], deepest);
    }
  }
  for (const Delta& d : deltas) out.depth_max = std::max(out.depth_max, d.depth);
  return out;
}

}  // namespace hf
