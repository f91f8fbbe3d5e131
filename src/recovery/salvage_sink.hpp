#pragma once
// Where saved packs and segments go: into a vault, or (a dry run) into a view of one.

#include "base/progress.hpp"
#include "recovery/salvage_store.hpp"
#include "vault/index.hpp"
#include "vault/pack_reader.hpp"
#include "vault/pack_writer.hpp"

namespace hf {

/// Any thread, each with a worker number of its own.
class SalvageSink {
 public:
  virtual ~SalvageSink() = default;
  /// Takes the bytes of a pack while they are checked; nullptr where nothing is copied. Destroyed, it leaves nothing.
  virtual Result<std::unique_ptr<Upload>> begin_pack() = 0;
  /// The pack proved to be whole.
  virtual Status end_pack(std::unique_ptr<Upload> upload, const Extent& pack, const FinishedPack& described) = 0;
  /// A segment of a broken pack. `frame`: where it lies, in one piece or several; `fresh` says which of its chunks nothing
  /// else gave.
  virtual Status segment(unsigned worker, std::span<const Extent> frame, const OpenedSegment& opened, const std::vector<ChunkId>& ids, const std::vector<bool>& fresh, PackClass pack_class) = 0;
  /// Everything that was given is in the store, and an index tells of it. By one thread, when the others have ended.
  virtual Status finish(Progress& progress) = 0;
};

std::unique_ptr<SalvageSink> make_vault_sink(Vault& vault, unsigned workers);
std::unique_ptr<SalvageSink> make_view_sink(Vault& vault, ViewStore& view);

}  // namespace hf
