#pragma once
// What a scan found: where frames, packs and small objects lie. No key is needed to make it.

#include <map>
#include <set>

#include "format/vault_config.hpp"
#include "recovery/raw_scan.hpp"

namespace hf {

/// A frame whose header holds; what its body is worth shows when it is opened.
struct CataloguedFrame {  // there may be millions
  std::uint64_t offset = 0;
  std::uint32_t source = 0;
  std::uint32_t epoch = 0, ordinal = 0, stored_bytes = 0;
  Salt salt{};
  SealedKind kind = SealedKind::segment;
  Cipher cipher = Cipher::aes_256_gcm;
};
struct FoundHeader {
  std::uint64_t offset = 0;
  std::uint32_t source = 0;
  PackHeader header;
};

struct Catalogue {
  std::vector<CataloguedFrame> frames;  ///< of packs: segments, replicas, directories; in order of (source, offset)
  std::vector<CataloguedFrame> points;
  std::vector<FoundHeader> packs;
  struct End {
    std::uint64_t end = 0;
    std::uint32_t directory_bytes = 0;
  };
  /// (source, where the pack begins if nothing is torn out of it) → where it ends.
  std::map<std::pair<std::uint32_t, std::uint64_t>, End> ends;
  std::set<Buffer> descriptions, slots;  ///< unlike ones
  std::map<SealedKind, std::uint64_t> counts;  ///< of frames of every kind, also those that are not kept
  std::uint64_t index_runs = 0;
  std::uint64_t bytes_scanned = 0, gap_bytes = 0, gap_count = 0;
};

/// A vault of which something was found.
struct FoundVault {
  VaultId id;
  std::uint64_t packs = 0;  ///< beginnings of packs that name it
  std::vector<Buffer> descriptions, slots;
};

/// Limits: what a hostile image may make us keep. A vault of 30 TB has as many segments as this.
constexpr std::size_t kFoundFramesMax = 16u << 20;
constexpr std::size_t kFoundPacksMax = 2u << 20;
constexpr std::size_t kFoundObjectsMax = 4096;

/// Scans all sources, one after the other. TooMany past the limits. Memory: 4 MiB, and 56 bytes a frame: 28 MiB for 1 TB of
/// packs. `only_keys`: key slots and descriptions alone.
Status scan_into(Catalogue& catalogue, RawSources& sources, Progress& progress, bool only_keys = false);

/// Vaults that anything names, those with the most packs first.
std::vector<FoundVault> vaults_of(const Catalogue& catalogue);

}  // namespace hf
