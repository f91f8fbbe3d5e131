#include "recovery/salvage_sink.hpp"

#include <algorithm>

#include "vault/rebuild.hpp"

namespace hf {
namespace {

/// Crash story: packs become durable one by one; the index is made of what the packs tell, when all are there.
class VaultSink final : public SalvageSink {
 public:
  VaultSink(Vault& vault, unsigned workers) : vault_(vault), workers_(workers) {
    for (Worker& w : workers_) w.compressor = std::make_unique<Compressor>(3);
  }

  Result<std::unique_ptr<Upload>> begin_pack() override { return vault_.store().create(ObjectKind::pack); }
  Status end_pack(std::unique_ptr<Upload> upload, const Extent&, const FinishedPack& described) override {
    return upload->commit({ObjectKind::pack, described.pack.id.hex()});
  }

  Status segment(unsigned worker, std::span<const Extent>, const OpenedSegment& opened, const std::vector<ChunkId>& ids, const std::vector<bool>& fresh, PackClass pack_class) override {
    Worker& w = workers_[worker];
    w.chunks.clear();
    w.plain.clear();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (!fresh[i]) continue;
      w.chunks.push_back({ids[i], static_cast<std::uint32_t>(opened.chunk(i).size())});
      append(w.plain, opened.chunk(i));
    }
    auto& pack = w.packs[pack_class == PackClass::data ? 0 : 1];
    if (!pack) pack = HF_TRY(PackWriter::begin(vault_, pack_class));
    HF_TRY(pack->add_segment(w.chunks, w.plain, *w.compressor));
    if (pack->is_full(vault_.store().traits().pack_bytes)) {
      HF_TRY(pack->finish());
      pack.reset();
    }
    return {};
  }

  Status finish(Progress& progress) override {
    for (Worker& w : workers_)
      for (auto& pack : w.packs) {
        if (pack) HF_TRY(pack->finish());
        pack.reset();
      }
    RebuildReport report;
    return rebuild(vault_, report, progress);
  }

 private:
  struct Worker {
    std::unique_ptr<Compressor> compressor;
    std::unique_ptr<PackWriter> packs[2];  // data, metadata
    std::vector<NewChunk> chunks;          // scratch
    Buffer plain;
  };
  Vault& vault_;
  std::vector<Worker> workers_;
};

class ViewSink final : public SalvageSink {
 public:
  ViewSink(Vault& vault, ViewStore& view) : vault_(vault), view_(view) {}

  Result<std::unique_ptr<Upload>> begin_pack() override { return std::unique_ptr<Upload>(); }
  Status end_pack(std::unique_ptr<Upload>, const Extent& pack, const FinishedPack& described) override {
    view_.add_pack(described.pack.id, pack);
    Lock lock(mutex_);
    const std::uint32_t number = number_of(described.pack);
    for (IndexEntry e : described.entries) {
      e.pack = number;
      entries_.push_back(e);
    }
    return {};
  }
  Status segment(unsigned, std::span<const Extent> frame, const OpenedSegment&, const std::vector<ChunkId>& ids, const std::vector<bool>& fresh, PackClass pack_class) override {
    const ViewStore::FramePlace place = view_.add_frame(frame);
    std::uint32_t frame_bytes = 0;
    for (const Extent& part : frame) frame_bytes += static_cast<std::uint32_t>(part.bytes);
    Lock lock(mutex_);
    const std::uint32_t number = number_of({place.pack, pack_class, 0, 0, 0});
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (fresh[i]) entries_.push_back({ChunkKey::of(ids[i]), number, place.offset, frame_bytes, static_cast<std::uint16_t>(i)});
    return {};
  }
  Status finish(Progress&) override {
    Lock lock(mutex_);
    if (packs_.empty()) return {};
    for (IndexedPack& p : packs_) p.stored_bytes = view_.pack_bytes(p.id);
    std::sort(entries_.begin(), entries_.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.key < b.key; });
    std::span<const IndexEntry> left(entries_);
    HF_TRY(write_index_run(vault_, packs_, left.size(), [&left]() -> Result<std::optional<IndexEntry>> {
      if (left.empty()) return std::optional<IndexEntry>();
      const IndexEntry entry = left.front();
      left = left.subspan(1);
      return std::optional(entry);
    }));
    return {};
  }

 private:
  std::uint32_t number_of(const IndexedPack& pack) HF_REQUIRES(mutex_) {
    const auto [at, is_new] = numbers_.try_emplace(pack.id, static_cast<std::uint32_t>(packs_.size()));
    if (is_new) packs_.push_back(pack);
    return at->second;
  }

  Vault& vault_;
  ViewStore& view_;
  Mutex mutex_;
  std::vector<IndexedPack> packs_ HF_GUARDED_BY(mutex_);
  std::map<PackId, std::uint32_t> numbers_ HF_GUARDED_BY(mutex_);
  std::vector<IndexEntry> entries_ HF_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<SalvageSink> make_vault_sink(Vault& vault, unsigned workers) { return std::make_unique<VaultSink>(vault, std::max(1u, workers)); }
std::unique_ptr<SalvageSink> make_view_sink(Vault& vault, ViewStore& view) { return std::make_unique<ViewSink>(vault, view); }

}  // namespace hf
