#include "codec/kdf.hpp"

#include <argon2.h>

namespace hf {

Result<Digest> argon2id(ByteView secret, ByteView salt, const Argon2Params& p) {
  if (!p.acceptable()) return Error(Code::corrupt, "a key slot asks for an unreasonable amount of memory or time");
  Digest out{};
  const int status = argon2id_hash_raw(p.passes, p.memory_kib, p.lanes, secret.data(), secret.size(), salt.data(), salt.size(), out.data(), out.size());
  if (status != ARGON2_OK) return Error(Code::io, std::string("deriving a key failed: ") + argon2_error_message(status));
  return out;
}

}  // namespace hf
