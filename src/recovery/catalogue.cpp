#include "recovery/catalogue.hpp"

#include <algorithm>

#include "format/key_slot.hpp"
#include "vault/vault.hpp"

namespace hf {
namespace {

static_assert(sizeof(CataloguedFrame) <= 56);

Error too_many(std::string_view what) {
  return Error(Code::too_many, "more " + std::string(what) + " were found than a vault has; somebody may have made them to exhaust this computer",
               "give the images or folders one by one, each with an --into of its own");
}

/// What a frame of this kind can be at most: larger claims are accidents or traps.
std::uint64_t stored_max(SealedKind kind) { return kind == SealedKind::point ? kPointBytesMax : kSegmentStoredMax; }

Status keep(Catalogue& c, std::uint32_t source, const Finding& f, bool only_keys) {
  switch (f.kind) {
    case FindingKind::key_slot:
    case FindingKind::description: {
      auto& found = f.kind == FindingKind::key_slot ? c.slots : c.descriptions;
      if (found.size() >= kFoundObjectsMax) return too_many("key slots");
      found.emplace(f.object.begin(), f.object.end());
      return {};
    }
    default: break;
  }
  if (only_keys) return {};
  switch (f.kind) {
    case FindingKind::frame: {
      ++c.counts[f.frame.kind];
      if (f.frame.stored_bytes > stored_max(f.frame.kind)) return {};
      const bool in_pack = f.frame.kind == SealedKind::segment || f.frame.kind == SealedKind::directory || f.frame.kind == SealedKind::replica;
      if (!in_pack && f.frame.kind != SealedKind::point) return {};
      auto& found = in_pack ? c.frames : c.points;
      if (found.size() >= kFoundFramesMax) return too_many("segments");
      found.push_back({f.offset, source, f.frame.epoch, f.frame.ordinal, f.frame.stored_bytes, f.frame.salt, f.frame.kind, f.frame.cipher});
      return {};
    }
    case FindingKind::pack_header:
      if (c.packs.size() >= kFoundPacksMax) return too_many("packs");
      c.packs.push_back({f.offset, source, f.pack});
      return {};
    case FindingKind::pack_trailer: {
      if (c.ends.size() >= kFoundPacksMax) return too_many("packs");
      const std::uint64_t before = f.trailer.directory_offset + f.trailer.directory_stored_bytes;  // bytes of the pack before its trailer
      if (before < f.trailer.directory_offset || before > f.offset) return {};
      c.ends.emplace(std::pair{source, f.offset - before}, Catalogue::End{f.offset + PackTrailer::kBytes, f.trailer.directory_stored_bytes});
      return {};
    }
    case FindingKind::index_trailer: ++c.index_runs; return {};
    default: return {};
  }
}

}  // namespace

Status scan_into(Catalogue& catalogue, RawSources& sources, Progress& progress, bool only_keys) {
  for (std::size_t i = 0; i < sources.count(); ++i) {
    progress.now_at(sources.path(i));
    HF_TRY(scan_source(sources, i, progress, [&](const Finding& f) { return keep(catalogue, static_cast<std::uint32_t>(i), f, only_keys); }));
    ++progress.items_done;
    if (only_keys) continue;
    catalogue.bytes_scanned += sources.bytes(i);
    for (const ByteGap& g : sources.gaps(i)) {
      if (g.offset >= sources.bytes(i)) continue;
      ++catalogue.gap_count;
      catalogue.gap_bytes += std::min(g.end, sources.bytes(i)) - g.offset;
    }
  }
  return {};
}

std::vector<FoundVault> vaults_of(const Catalogue& catalogue) {
  std::map<VaultId, FoundVault> by_id;
  for (const FoundHeader& p : catalogue.packs) ++by_id[p.header.vault].packs;
  for (const Buffer& d : catalogue.descriptions) by_id[VaultConfig::decode(d)->id].descriptions.push_back(d);
  for (const Buffer& s : catalogue.slots) by_id[KeySlot::decode(s)->vault].slots.push_back(s);
  std::vector<FoundVault> out;
  for (auto& [id, vault] : by_id) {
    vault.id = id;
    out.push_back(std::move(vault));
  }
  std::stable_sort(out.begin(), out.end(), [](const FoundVault& a, const FoundVault& b) { return a.packs > b.packs; });
  return out;
}

}  // namespace hf
