#pragma once
// The envelope of every sealed thing: a pack's frames, and small objects (points, proofs, the vault's parameters).
// docs/format/sealing.md

#include <array>

#include "base/ids.hpp"
#include "codec/aead.hpp"
#include "codec/hash.hpp"

namespace hf {

using Salt = std::array<std::uint8_t, 24>;

/// What a reader refuses: layouts of a newer program.
constexpr std::uint16_t kFormatVersion = 1;

/// Whose key an object is sealed with is told by the highest bit of the epoch, and then by the beginning of the salt.
constexpr std::uint32_t kEpochMax = 0x7FFFFFFF;
/// Stands for all who write, with any key: what write-only keys must be able to read, and can't forge (vault/vault.hpp).
constexpr WriterId kSharedWriter = {{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
/// The writer that a salt names.
WriterId writer_in(const Salt& salt);
/// Both as one number, as headers hold them.
std::uint32_t epoch_code(std::uint32_t epoch, bool by_writer);

/// What a sealed body is. Codes are stored: never reused.
enum class SealedKind : std::uint8_t { segment = 1, directory = 2, point = 3, parameters = 4, proof = 5, slot_label = 6, lease = 7, index = 8, replica = 9, tombstone = 10, epoch = 11, hold = 12, cache = 13 };

/// 48 bytes in clear before each sealed body: enough to find it in raw bytes and to open it with the vault's root key
/// and nothing else.
struct FrameHeader {
  static constexpr std::size_t kBytes = 48;
  static constexpr std::array<std::uint8_t, 4> kMagic = {'H', 'F', 0x9E, 0x01};
  SealedKind kind = SealedKind::segment;
  Cipher cipher = Cipher::aes_256_gcm;
  std::uint32_t epoch = 1;         ///< which root key; at most kEpochMax
  bool by_writer = false;          ///< sealed with the key that a writer has of that epoch; the salt begins with its id
  std::uint32_t ordinal = 0;       ///< position in its object; the nonce
  std::uint32_t stored_bytes = 0;  ///< sealed body that follows, tag included
  Salt salt{};                     ///< the object's; with the root key gives the object's key

  /// Zero: sealed with the vault's own keys.
  WriterId writer() const { return by_writer ? writer_in(salt) : WriterId(); }
  void encode(MutableBytes out) const;  ///< exactly kBytes
  /// Corrupt where magic or check are wrong; Unsupported for an unknown cipher.
  static Result<FrameHeader> decode(ByteView in);
};

/// Small objects are read whole: what a reader refuses before it allocates.
constexpr std::size_t kSmallObjectPlainMax = std::size_t{256} << 20;

/// Associated data of a frame: vault id, then the header as stored.
Buffer associated_data(const VaultId& vault, ByteView encoded_header);

/// A small object: one frame with its sealed body.
/// `key` is the key derived for this salt and epoch.
Buffer seal_object(FrameHeader header, const VaultId& vault, ByteView key, ByteView plain);
/// The header of a small object; Corrupt unless the object is exactly one frame of this kind.
Result<FrameHeader> peek_object(ByteView object, SealedKind kind);
Result<Buffer> open_object(ByteView object, SealedKind kind, const VaultId& vault, ByteView key);

}  // namespace hf
