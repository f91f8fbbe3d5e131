#include "store/overlay/overlay_store.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/mutex.hpp"

namespace hf {
namespace {

/// `content` is empty for packs.
struct NewObject {
  std::uint64_t bytes = 0;
  std::shared_ptr<const Buffer> content;
};

class OverlayStore final : public ObjectStore {
 public:
  explicit OverlayStore(ObjectStore& base) : base_(base) {}

  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override;
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override;
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override {
    std::vector<std::pair<std::string, std::uint64_t>> own;
    std::set<std::string> hidden;
    {
      Lock lock(mutex_);
      const ObjectName first{kind, ""};  // names are in order of kinds
      for (auto at = new_.lower_bound(first); at != new_.end() && at->first.kind == kind; ++at) own.emplace_back(at->first.name, at->second.bytes);
      for (auto at = removed_.lower_bound(first); at != removed_.end() && at->kind == kind; ++at) hidden.insert(at->name);
    }
    HF_TRY(base_.list(kind, [&](std::string_view name, std::uint64_t bytes) {
      if (!hidden.contains(std::string(name))) visit(name, bytes);
    }));
    for (const auto& [name, bytes] : own) visit(name, bytes);
    return {};
  }
  Status remove(const ObjectName& name) override {
    Lock lock(mutex_);
    if (new_.erase(name) == 0) removed_.insert(name);
    return {};
  }
  StoreTraits traits() const override { return base_.traits(); }
  std::string place() const override { return base_.place(); }

  Status add(const ObjectName& name, NewObject object, bool is_same_as_base) {
    Lock lock(mutex_);
    const auto [at, is_new] = new_.try_emplace(name, object);
    if (is_new && is_same_as_base && !removed_.contains(name)) new_.erase(at);
    if (!is_new && object.content && at->second.content && *at->second.content != *object.content)
      return Error(Code::already_exists, name.text() + " exists already and holds something else").with_object(name.text());
    return {};
  }
  ObjectStore& base() { return base_; }
  bool hides(const ObjectName& name) {
    Lock lock(mutex_);
    return removed_.contains(name);
  }

 private:
  ObjectStore& base_;
  Mutex mutex_;
  std::map<ObjectName, NewObject> new_ HF_GUARDED_BY(mutex_);
  std::set<ObjectName> removed_ HF_GUARDED_BY(mutex_);  // of the base
};

class OverlayUpload final : public Upload {
 public:
  OverlayUpload(OverlayStore& store, bool keep) : store_(store), keep_(keep) {}
  Status append(ByteView bytes) override {
    size_ += bytes.size();
    if (keep_) hf::append(content_, bytes);
    return {};
  }
  Status commit(const ObjectName& name) override {
    bool same = false;
    if (!store_.hides(name)) {
      const auto there = store_.base().open(name);
      if (!there && there.error().code != Code::not_found) return there.error();
      if (there) {
        Buffer content((*there)->size());
        if (keep_) HF_TRY((*there)->read(0, content));
        if (keep_ ? content != content_ : content.size() != size_)
          return Error(Code::already_exists, name.text() + " exists already and holds something else").with_object(name.text());
        same = true;
      }
    }
    return store_.add(name, {size_, keep_ ? std::make_shared<const Buffer>(std::move(content_)) : nullptr}, same);
  }

 private:
  OverlayStore& store_;
  const bool keep_;
  std::uint64_t size_ = 0;
  Buffer content_;
};

class BufferReader final : public ObjectReader {
 public:
  BufferReader(std::shared_ptr<const Buffer> content, std::string name) : content_(std::move(content)), name_(std::move(name)) {}
  std::uint64_t size() const override { return content_->size(); }
  Status read(std::uint64_t offset, MutableBytes out) override {
    if (offset > content_->size() || out.size() > content_->size() - offset) return Error(Code::corrupt, name_ + " is shorter than it should be").with_object(name_);
    std::copy_n(content_->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  std::shared_ptr<const Buffer> content_;
  const std::string name_;
};

Result<std::unique_ptr<Upload>> OverlayStore::create(ObjectKind kind) { return std::unique_ptr<Upload>(std::make_unique<OverlayUpload>(*this, kind != ObjectKind::pack && kind != ObjectKind::parity)); }

Result<std::unique_ptr<ObjectReader>> OverlayStore::open(const ObjectName& name) {
  {
    Lock lock(mutex_);
    if (const auto at = new_.find(name); at != new_.end()) {
      if (!at->second.content) return Error(Code::refused, name.text() + " is only rehearsed and was not kept").with_object(name.text());
      return std::unique_ptr<ObjectReader>(std::make_unique<BufferReader>(at->second.content, name.text()));
    }
    if (removed_.contains(name)) return Error(Code::not_found, "there is no " + name.text()).with_object(name.text());
  }
  return base_.open(name);
}

}  // namespace

std::unique_ptr<ObjectStore> make_overlay_store(ObjectStore& base) { return std::make_unique<OverlayStore>(base); }

}  // namespace hf
