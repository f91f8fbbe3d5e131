#pragma once
// The two stores that a salvage writes to: a new vault whose description comes last, and a view that copies nothing.

#include <map>

#include "base/ids.hpp"
#include "base/mutex.hpp"
#include "recovery/raw_source.hpp"
#include "store/object_store.hpp"

namespace hf {

/// A store that is no vault yet: its description is held in memory, so that what a salvage leaves when it is broken off is
/// never taken for a whole vault; complete() makes it durable.
class UnfinishedStore final : public ObjectStore {
 public:
  UnfinishedStore(std::unique_ptr<ObjectStore> inner, Buffer description) : inner_(std::move(inner)), description_(std::move(description)) {}
  Status complete() { return inner_->put(config_name(), description_); }

  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override { return inner_->create(kind); }
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override;
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override;
  Status remove(const ObjectName& name) override { return inner_->remove(name); }
  Status settle(std::span<const ObjectName> names) override { return inner_->settle(names); }
  Status sweep() override { return inner_->sweep(); }
  StoreTraits traits() const override { return inner_->traits(); }
  std::string place() const override { return inner_->place(); }

 private:
  const std::unique_ptr<ObjectStore> inner_;
  const Buffer description_;
};

/// A vault as it would be, for a dry run: packs are read where they lie in the sources, all else is kept in memory. Frames
/// of broken packs stand one after the other in packs that exist here only. Any thread.
class ViewStore final : public ObjectStore {
 public:
  explicit ViewStore(const RawSources& sources);

  void add_pack(const PackId& id, const Extent& pack);
  struct FramePlace {
    PackId pack;
    std::uint32_t offset = 0;
  };
  FramePlace add_frame(std::span<const Extent> parts);
  std::uint64_t pack_bytes(const PackId& id) const;

  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override { return objects_->create(kind); }
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override;
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override;
  Status remove(const ObjectName& name) override { return objects_->remove(name); }
  StoreTraits traits() const override { return objects_->traits(); }
  std::string place() const override { return "what was found"; }

 private:
  struct Frames;  ///< of one pack that exists here only
  class FramesReader;

  const RawSources& sources_;
  const std::unique_ptr<ObjectStore> objects_;
  mutable Mutex mutex_;
  std::map<PackId, Extent> packs_ HF_GUARDED_BY(mutex_);
  std::map<PackId, std::shared_ptr<Frames>> loose_ HF_GUARDED_BY(mutex_);
  PackId filling_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
