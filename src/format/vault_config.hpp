#pragma once
// The object `holdfast-vault`: what a vault is and how its chunks are cut and named (docs/format/vault.md).

#include "codec/chunker.hpp"
#include "format/sealed.hpp"

namespace hf {

enum class HashAlgorithm : std::uint8_t { hmac_sha256 = 1, keyed_blake3 = 2 };  ///< 2 is reserved
enum class ChunkerAlgorithm : std::uint8_t { keyed_gear = 1, aes_toeplitz = 2 };  ///< 2 is reserved

struct VaultParams {
  HashAlgorithm hash = HashAlgorithm::hmac_sha256;
  ChunkerAlgorithm chunker = ChunkerAlgorithm::keyed_gear;
  ChunkerParams cuts;
};

/// Clear part, then the parameters sealed under the root key.
struct VaultConfig {
  VaultId id;
  std::uint16_t version = kFormatVersion;
  std::int64_t created_ns = 0;
  Buffer sealed_params;  ///< a small object (format/sealed.hpp)

  Buffer encode() const;
  /// NotAVault where it is something else, Unsupported where it is newer.
  static Result<VaultConfig> decode(ByteView in);
};

Buffer encode_params(const VaultParams& params);
Result<VaultParams> decode_params(ByteView in);

}  // namespace hf
