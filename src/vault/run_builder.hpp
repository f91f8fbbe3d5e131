#pragma once
// From finished packs to an index run.

#include <map>

#include "vault/pack_writer.hpp"

namespace hf {

/// Gathers what packs hold until a run is worth writing. Memory: 32 bytes a chunk; 16 MiB and one pack where the caller
/// writes whenever it is full. One thread at a time.
class RunBuilder {
 public:
  void add(const FinishedPack& pack);
  bool empty() const { return packs_.empty(); }
  bool is_full() const { return entries_.size() >= kEntries; }
  const std::vector<IndexEntry>& entries() const { return entries_; }
  /// Writes a run of what was gathered; gives its name. The packs must be durable. What was gathered stays until clear().
  Result<std::string> write(const Vault& vault);
  void clear();

 private:
  static constexpr std::size_t kEntries = 512 * 1024;
  std::vector<IndexedPack> packs_;
  std::vector<IndexEntry> entries_;
};

/// The same for packs of several writers: a run tells of one writer's packs, and is sealed as that writer's.
class RunBuilders {
 public:
  explicit RunBuilders(const Vault& vault) : vault_(vault) {}
  void add(const WriterId& writer, const FinishedPack& pack) { of_[writer].add(pack); }
  bool is_full() const;
  /// Writes what was gathered, and forgets it. Gives the names of the runs.
  Result<std::vector<std::string>> write();

 private:
  const Vault& vault_;
  std::map<WriterId, RunBuilder> of_;
};

}  // namespace hf
