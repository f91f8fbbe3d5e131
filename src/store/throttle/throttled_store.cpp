#include "store/throttle/throttled_store.hpp"

#include <algorithm>

namespace hf {
namespace {

class ThrottledUpload final : public Upload {
 public:
  ThrottledUpload(std::unique_ptr<Upload> base, RateLimit& writes) : base_(std::move(base)), writes_(writes) {}
  Status append(ByteView bytes) override {
    // In pieces, so that a slow link sees a stream and no bursts.
    constexpr std::size_t kPiece = 64u << 10;
    for (std::size_t at = 0; at < bytes.size(); at += kPiece) {
      const ByteView piece = bytes.subspan(at, std::min(kPiece, bytes.size() - at));
      writes_.take(piece.size());
      HF_TRY(base_->append(piece));
    }
    return {};
  }
  Status commit(const ObjectName& name) override { return base_->commit(name); }
  Status replace(const ObjectName& name) override { return base_->replace(name); }

 private:
  const std::unique_ptr<Upload> base_;
  RateLimit& writes_;
};

class ThrottledStore final : public ObjectStore {
 public:
  ThrottledStore(ObjectStore& base, RateLimit& writes) : base_(base), writes_(writes) {}
  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override {
    return std::unique_ptr<Upload>(std::make_unique<ThrottledUpload>(HF_TRY(base_.create(kind)), writes_));
  }
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override { return base_.open(name); }
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override { return base_.list(kind, visit); }
  Status remove(const ObjectName& name) override { return base_.remove(name); }
  Status settle(std::span<const ObjectName> names) override { return base_.settle(names); }
  Status sweep() override { return base_.sweep(); }
  StoreTraits traits() const override { return base_.traits(); }
  std::string place() const override { return base_.place(); }

 private:
  ObjectStore& base_;
  RateLimit& writes_;
};

}  // namespace

std::unique_ptr<ObjectStore> make_throttled_store(ObjectStore& base, RateLimit& writes) { return std::make_unique<ThrottledStore>(base, writes); }

}  // namespace hf
