#include "vault/inventory.hpp"

#include <algorithm>

#include "format/prune_note.hpp"
#include "format/wire.hpp"
#include "vault/local_cache.hpp"

namespace hf {
namespace {

/// Of the state and of what decides what there is to do in it.
Digest question(const Vault& vault, const Inventory& inventory, const PruneOptions& options) {
  Buffer all;
  wire::Writer w(all);
  w.raw(inventory.state);
  w.text(std::to_string(options.unused_percent_max));
  w.u8(options.repack_bytes_max ? 1 : 0);
  w.varint(options.repack_bytes_max.value_or(0));
  w.varint(vault.store().traits().pack_bytes);
  return sha256(all);
}

}  // namespace

Result<Inventory> take_inventory(ObjectStore& store) {
  Inventory out;
  Sha256 state;
  for (ObjectKind kind : kObjectKinds) {
    std::vector<std::pair<std::string, std::uint64_t>> objects;
    HF_TRY(store.list(kind, [&](std::string_view name, std::uint64_t bytes) { objects.emplace_back(name, bytes); }));
    std::sort(objects.begin(), objects.end());
    Buffer text;
    wire::Writer w(text);
    w.u8(static_cast<std::uint8_t>(kind));
    w.varint(objects.size());
    for (const auto& [name, bytes] : objects) {
      w.text(name);
      w.varint(bytes);
      out.bytes += bytes;
    }
    state.update(text);
    if ((kind == ObjectKind::lease || kind == ObjectKind::tombstone) && !objects.empty()) out.at_rest = false;
  }
  out.state = state.finish();
  return out;
}

std::optional<PruneReport> remembered_prune(const Vault& vault, const Inventory& inventory, const PruneOptions& options) {
  if (!inventory.at_rest) return std::nullopt;
  const auto cached = read_cache(vault, CacheKind::prune);
  const auto note = cached ? decode_prune_note(*cached) : Result<PruneNote>(Error(Code::not_found, "nothing is remembered"));
  if (!note || note->state != question(vault, inventory, options)) return std::nullopt;
  PruneReport report;
  report.bytes_before = report.bytes_after = inventory.bytes;
  report.packs = note->packs;
  report.bytes_unused = note->bytes_unused;
  report.chunks_live = note->chunks_live;
  return report;
}

void remember_prune(const Vault& vault, const Inventory& inventory, const PruneOptions& options, const PruneReport& report) {
  if (!inventory.at_rest) return;
  write_cache(vault, CacheKind::prune, encode_prune_note({question(vault, inventory, options), report.packs, report.bytes_unused, report.chunks_live}));
}

}  // namespace hf
