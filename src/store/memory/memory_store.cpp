#include "store/memory/memory_store.hpp"

#include <algorithm>
#include <map>

#include "base/mutex.hpp"

namespace hf {
namespace {

using Body = std::shared_ptr<const Buffer>;

class MemoryStore final : public ObjectStore {
 public:
  Result<std::unique_ptr<Upload>> create(ObjectKind) override;
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override;
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override {
    std::vector<std::pair<std::string, std::uint64_t>> found;
    {
      Lock lock(mutex_);
      for (const auto& [name, body] : objects_)
        if (name.kind == kind) found.emplace_back(name.name, body->size());
    }
    for (const auto& [name, bytes] : found) visit(name, bytes);
    return {};
  }
  Status remove(const ObjectName& name) override {
    Lock lock(mutex_);
    objects_.erase(name);
    return {};
  }
  StoreTraits traits() const override { return {}; }
  std::string place() const override { return "memory"; }
  void replace(const ObjectName& name, Body body) {
    Lock lock(mutex_);
    objects_[name] = std::move(body);
  }
  Status insert(const ObjectName& name, Body body) {
    Lock lock(mutex_);
    const auto [at, is_new] = objects_.try_emplace(name, body);
    if (!is_new && *at->second != *body)
      return Error(Code::already_exists, name.text() + " exists already and holds something else").with_object(name.text());
    return {};
  }

 private:
  Mutex mutex_;
  std::map<ObjectName, Body> objects_ HF_GUARDED_BY(mutex_);
};

class MemoryUpload final : public Upload {
 public:
  explicit MemoryUpload(MemoryStore& store) : store_(store) {}
  Status append(ByteView bytes) override {
    hf::append(body_, bytes);
    return {};
  }
  Status commit(const ObjectName& name) override { return store_.insert(name, std::make_shared<const Buffer>(std::move(body_))); }
  Status replace(const ObjectName& name) override {
    store_.replace(name, std::make_shared<const Buffer>(std::move(body_)));
    return {};
  }

 private:
  MemoryStore& store_;
  Buffer body_;
};

class MemoryReader final : public ObjectReader {
 public:
  MemoryReader(Body body, std::string name) : body_(std::move(body)), name_(std::move(name)) {}
  std::uint64_t size() const override { return body_->size(); }
  Status read(std::uint64_t offset, MutableBytes out) override {
    if (offset > body_->size() || out.size() > body_->size() - offset)
      return Error(Code::corrupt, name_ + " is shorter than it should be").with_object(name_);
    std::copy_n(body_->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  const Body body_;
  const std::string name_;
};

Result<std::unique_ptr<Upload>> MemoryStore::create(ObjectKind) { return std::unique_ptr<Upload>(std::make_unique<MemoryUpload>(*this)); }

Result<std::unique_ptr<ObjectReader>> MemoryStore::open(const ObjectName& name) {
  Lock lock(mutex_);
  const auto at = objects_.find(name);
  if (at == objects_.end()) return Error(Code::not_found, name.text() + " does not exist").with_object(name.text());
  return std::unique_ptr<ObjectReader>(std::make_unique<MemoryReader>(at->second, name.text()));
}

}  // namespace

std::unique_ptr<ObjectStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace hf
