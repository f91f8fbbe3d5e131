#include "recovery/salvage_store.hpp"

#include <algorithm>

#include "codec/hash.hpp"
#include "store/memory/memory_store.hpp"

namespace hf {
namespace {

class BufferReader final : public ObjectReader {
 public:
  explicit BufferReader(Buffer bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Status read(std::uint64_t offset, MutableBytes out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return Error(Code::corrupt, "it is shorter than it should be");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  const Buffer bytes_;
};

}  // namespace

Result<std::unique_ptr<ObjectReader>> UnfinishedStore::open(const ObjectName& name) {
  if (name.kind == ObjectKind::config) return std::unique_ptr<ObjectReader>(std::make_unique<BufferReader>(description_));
  return inner_->open(name);
}

Status UnfinishedStore::list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) {
  if (kind != ObjectKind::config) return inner_->list(kind, visit);
  visit(kConfigName, description_.size());
  return {};
}

struct ViewStore::Frames {
  Mutex mutex;
  std::vector<std::pair<std::uint64_t, Extent>> parts HF_GUARDED_BY(mutex);  // offset here → where it lies; in order
  std::uint64_t bytes HF_GUARDED_BY(mutex) = 0;
};

class ViewStore::FramesReader final : public ObjectReader {
 public:
  FramesReader(const RawSources& sources, std::shared_ptr<Frames> frames) : sources_(sources), frames_(std::move(frames)) {}
  std::uint64_t size() const override {
    Lock lock(frames_->mutex);
    return frames_->bytes;
  }
  Status read(std::uint64_t offset, MutableBytes out) override {
    std::vector<Extent> parts;
    {
      Lock lock(frames_->mutex);
      if (offset > frames_->bytes || out.size() > frames_->bytes - offset) return Error(Code::corrupt, "no frame lies there");
      auto at = std::upper_bound(frames_->parts.begin(), frames_->parts.end(), offset, [](std::uint64_t o, const auto& f) { return o < f.first; }) - 1;
      for (std::uint64_t left = out.size(), in_part = offset - at->first; left > 0; ++at, in_part = 0) {
        const std::uint64_t bytes = std::min(left, at->second.bytes - in_part);
        parts.push_back({at->second.source, at->second.offset + in_part, bytes});
        left -= bytes;
      }
    }
    for (const Extent& part : parts) {
      HF_TRY(sources_.read(part, out.first(part.bytes)));
      out = out.subspan(part.bytes);
    }
    return {};
  }

 private:
  const RawSources& sources_;
  const std::shared_ptr<Frames> frames_;
};

ViewStore::ViewStore(const RawSources& sources) : sources_(sources), objects_(make_memory_store()) {}

void ViewStore::add_pack(const PackId& id, const Extent& pack) {
  Lock lock(mutex_);
  packs_.emplace(id, pack);
}

ViewStore::FramePlace ViewStore::add_frame(std::span<const Extent> parts) {
  std::uint64_t bytes = 0;
  for (const Extent& part : parts) bytes += part.bytes;
  Lock lock(mutex_);
  for (;;) {
    if (const auto at = loose_.find(filling_); at != loose_.end()) {
      Frames& f = *at->second;
      Lock frames_lock(f.mutex);
      if (f.bytes + bytes <= UINT32_MAX) {
        const FramePlace place{filling_, static_cast<std::uint32_t>(f.bytes)};
        for (const Extent& part : parts) {
          if (part.bytes == 0) continue;
          f.parts.emplace_back(f.bytes, part);
          f.bytes += part.bytes;
        }
        return place;
      }
    }
    filling_ = PackId{sha256(as_bytes("pieces of packs, part " + std::to_string(loose_.size())))};
    loose_.emplace(filling_, std::make_shared<Frames>());
  }
}

std::uint64_t ViewStore::pack_bytes(const PackId& id) const {
  Lock lock(mutex_);
  if (const auto at = packs_.find(id); at != packs_.end()) return at->second.bytes;
  const auto at = loose_.find(id);
  if (at == loose_.end()) return 0;
  Lock frames_lock(at->second->mutex);
  return at->second->bytes;
}

Result<std::unique_ptr<ObjectReader>> ViewStore::open(const ObjectName& name) {
  if (name.kind != ObjectKind::pack) return objects_->open(name);
  const PackId id = HF_TRY(PackId::parse(name.name));
  Lock lock(mutex_);
  if (const auto at = packs_.find(id); at != packs_.end()) return std::unique_ptr<ObjectReader>(std::make_unique<ExtentReader>(sources_, at->second));
  if (const auto at = loose_.find(id); at != loose_.end()) return std::unique_ptr<ObjectReader>(std::make_unique<FramesReader>(sources_, at->second));
  return Error(Code::not_found, "pack " + id.brief() + " was not found");
}

Status ViewStore::list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) {
  if (kind != ObjectKind::pack) return objects_->list(kind, visit);
  std::vector<std::pair<PackId, std::uint64_t>> all;
  {
    Lock lock(mutex_);
    for (const auto& [id, extent] : packs_) all.emplace_back(id, extent.bytes);
    for (const auto& [id, frames] : loose_) {
      Lock frames_lock(frames->mutex);
      all.emplace_back(id, frames->bytes);
    }
  }
  for (const auto& [id, bytes] : all) visit(id.hex(), bytes);
  return {};
}

}  // namespace hf
