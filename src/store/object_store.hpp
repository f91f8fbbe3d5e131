#pragma once
// The contract of every place where a vault's objects rest.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace hf {

/// Codes are stored (in replicas): never reused.
enum class ObjectKind : std::uint8_t {
  config = 0,
  key = 1,
  pack = 2,
  index = 3,
  point = 4,
  lease = 5,
  proof = 6,
  tombstone = 7,  ///< a point that was forgotten
  epoch = 8,      ///< packs that a prune retires
  hold = 9,       ///< a reason that forbids deletion
  parity = 10,    ///< of the pack of the same name
};
constexpr ObjectKind kObjectKinds[] = {ObjectKind::config, ObjectKind::key,       ObjectKind::pack,  ObjectKind::index, ObjectKind::point, ObjectKind::lease,
                                       ObjectKind::proof,  ObjectKind::tombstone, ObjectKind::epoch, ObjectKind::hold,  ObjectKind::parity};
/// "packs", "points", …: the folder or prefix of a kind; empty for the config, which stands alone.
std::string_view folder_of(ObjectKind kind);

/// Names are lower-case hexadecimal, except the config's, which is kConfigName.
struct ObjectName {
  ObjectKind kind = ObjectKind::config;
  std::string name;
  std::string text() const;  ///< "packs/91af…": for messages
  auto operator<=>(const ObjectName&) const = default;
};
inline constexpr std::string_view kConfigName = "holdfast-vault";
inline ObjectName config_name() { return {ObjectKind::config, std::string(kConfigName)}; }

/// A new object on its way. One thread at a time. Destroyed without commit() it leaves nothing behind.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual Status append(ByteView bytes) = 0;
  /// Makes the object durable under `name`, or fails and changes nothing. An object of that name with the same bytes is
  /// success; with other bytes it is AlreadyExists. Call once.
  virtual Status commit(const ObjectName& name) = 0;
  /// As commit(), and takes the place of an object of that name: whoever opens it, before or after a crash, finds the
  /// old one or the new one, whole. Objects are immutable, so this is for healing alone: the caller has proven that these
  /// bytes are what the name stands for, and that those in their place are not. Call once.
  virtual Status replace(const ObjectName& name) {
    return Error(Code::unsupported, "this store can't replace the damaged " + name.text(), "copy the vault to a local disk, and heal it there").with_object(name.text());
  }
};

/// An object open for reading; stays readable until closed, even when the object is removed meanwhile (where the store
/// can: else NotFound). Any thread.
class ObjectReader {
 public:
  virtual ~ObjectReader() = default;
  virtual std::uint64_t size() const = 0;
  /// Fills all of `out`, or fails; Corrupt where the object is shorter.
  virtual Status read(std::uint64_t offset, MutableBytes out) = 0;
};

/// Facts about a store, from which plans are made.
struct StoreTraits {
  bool can_remove = true;
  bool random_read = true;          ///< a small read in the middle costs little
  std::uint64_t pack_bytes = 32u << 20;  ///< good size of a pack here
};

/// Named, immutable byte objects in one place.
/// Threads: any method, any thread. Crash: once commit() returned the object survives power loss; before that it is
/// absent or whole, never partial. Errors: Unreachable may be retried, the rest may not.
/// Every driver passes store/contract_suite.hpp unchanged.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual Result<std::unique_ptr<Upload>> create(ObjectKind kind) = 0;
  virtual Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) = 0;  ///< NotFound where absent
  /// Each object of a kind once, in any order, on this thread; the name is valid during the call.
  virtual Status list(ObjectKind kind, const std::function<void(std::string_view name, std::uint64_t bytes)>& visit) = 0;
  virtual Status remove(const ObjectName& name) = 0;  ///< already absent is success; durable after settle()
  /// Makes durable what list() or open() show: an object that another writer is committing is seen before it is durable,
  /// and may never be if that writer dies. Whoever builds on another's unfinished work calls this first. The same for what
  /// they do not show any more: removals in the folders of these names become durable too.
  virtual Status settle(std::span<const ObjectName> names) {
    static_cast<void>(names);
    return {};
  }
  /// Removes what uploads of programs that died left behind; never what an upload under way needs.
  virtual Status sweep() { return {}; }
  virtual StoreTraits traits() const = 0;
  virtual std::string place() const = 0;  ///< for people: "/backup/vault"

  // Conveniences for small objects.
  Status put(const ObjectName& name, ByteView bytes);
  /// Corrupt where it is larger than `bytes_max`.
  Result<Buffer> get(const ObjectName& name, std::uint64_t bytes_max);
};

}  // namespace hf
