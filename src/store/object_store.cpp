#include "store/object_store.hpp"

namespace hf {

std::string_view folder_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::config: return "";
    case ObjectKind::key: return "keys";
    case ObjectKind::pack: return "packs";
    case ObjectKind::index: return "index";
    case ObjectKind::point: return "points";
    case ObjectKind::lease: return "leases";
    case ObjectKind::proof: return "proofs";
    case ObjectKind::tombstone: return "forgotten";
    case ObjectKind::epoch: return "epochs";
    case ObjectKind::hold: return "holds";
    case ObjectKind::parity: return "parity";
  }
  return "";
}

std::string ObjectName::text() const { return kind == ObjectKind::config ? name : std::string(folder_of(kind)) + "/" + name; }

Status ObjectStore::put(const ObjectName& name, ByteView bytes) {
  const auto upload = HF_TRY(create(name.kind));
  HF_TRY(upload->append(bytes));
  return upload->commit(name);
}

Result<Buffer> ObjectStore::get(const ObjectName& name, std::uint64_t bytes_max) {
  const auto reader = HF_TRY(open(name));
  if (reader->size() > bytes_max)
    return Error(Code::corrupt, name.text() + " is far larger than such an object can be").with_object(name.text());
  Buffer out(reader->size());
  HF_TRY(reader->read(0, out));
  return out;
}

}  // namespace hf
