#pragma once
// What was worked out from a vault and can be worked out again, kept on this machine: one file of each kind in a directory
// of the vault's own, sealed as a small object of the vault (docs/format/needs.md).
//
// Only what is true for ever is kept: of objects that never change, under their names. A file that is missing, torn, of
// another vault, of a newer program or made by somebody without the vault's keys reads as nothing, and costs time, never
// data; so does a directory that can't be written to.
//
// Crash story: a temporary file and a rename, without syncing. After a power loss the file may be old, torn or gone.

#include <optional>

#include "vault/vault.hpp"

namespace hf {

/// Codes are stored: never reused.
enum class CacheKind : std::uint8_t {
  points = 1,  ///< points whose signature was found to hold (vault/point_book.hpp)
  needs = 2,   ///< what trees and packs name (format/needs.hpp)
  prune = 3,   ///< for which state of the vault a prune found nothing to do (vault/inventory.hpp)
};

/// Nothing where the vault keeps no cache, or the file is of no use.
std::optional<Buffer> read_cache(const Vault& vault, CacheKind kind);
/// Does what it can.
void write_cache(const Vault& vault, CacheKind kind, ByteView plain);

}  // namespace hf
