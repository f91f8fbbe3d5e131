#pragma once
// Files that come into being: small ones at once, others under a temporary name, piece by piece, by any thread.
//
// A crash leaves under a file's own name either nothing, or the file; a small one perhaps empty or without its metadata,
// which the next run sees and completes.

#include <span>

#include "target/fs/metadata.hpp"

namespace hf {

/// Bytes and where they go. A loan.
struct Extent {
  std::uint64_t offset = 0;
  ByteView bytes;
};

/// Makes `name` with this content (what no extent covers is a hole) and metadata, and closes it. `seal`: set immutable and
/// append-only flags, too. AlreadyExists changes nothing; after any other error nothing is left of it.
Status create_file(DirectoryTree& tree, MetadataWriter& metadata, const DirectoryRef& directory, const std::string& name, std::uint64_t size,
                   std::span<const Extent> extents, const Metadata& m, bool seal);

/// A symlink, FIFO, socket or device node; AlreadyExists changes nothing. True if it was made; false where it could not
/// be made here and that was counted.
Result<bool> create_special(DirectoryTree& tree, MetadataWriter& metadata, const DirectoryRef& directory, const std::string& name, const std::string& target,
                            std::uint32_t rdev_major, std::uint32_t rdev_minor, const Metadata& m);

/// A file on its way under a temporary name in the directory where it will be. Any thread, until it gets its name.
class PendingFile {
 public:
  /// `temporary` begins with DirectoryTree::kTemporaryPrefix. `resume`: take over what an interrupted run left there.
  /// `keep`: what was written is kept for the next run when this one ends early; else it is removed then.
  PendingFile(DirectoryTree& tree, DirectoryRef directory, std::string name, std::string temporary, bool resume, bool keep);
  ~PendingFile();

  /// Makes the file at the first call.
  Status write(ByteView bytes, std::uint64_t offset);
  Result<Handle> handle();
  /// Sets size and metadata, all but sealing flags.
  Status complete(std::uint64_t size, const Metadata& m, MetadataWriter& metadata);
  /// Gives it its name. Never replaces with `may_replace` false: then AlreadyExists leaves both as they are.
  Status publish(const std::string& as, bool may_replace);
  /// It got its name by other means.
  void forget();
  /// Removes it.
  void discard();

  const DirectoryRef& directory() const { return directory_; }
  const std::string& name() const { return name_; }
  const std::string& temporary() const { return temporary_; }

 private:
  Result<Handle> open() HF_REQUIRES(opening_);

  DirectoryTree& tree_;
  const DirectoryRef directory_;
  const std::string name_, temporary_;
  const bool resume_, keep_;
  HandleCache::Slot slot_;
  Mutex opening_;
  bool made_ HF_GUARDED_BY(opening_) = false;  ///< and not yet published or discarded
  std::uint64_t dev_ HF_GUARDED_BY(opening_) = 0, ino_ HF_GUARDED_BY(opening_) = 0;
};

/// renameat that never replaces, also where the file system cannot promise it.
int rename_no_replace(Env& env, int from_dir, const char* from, int to_dir, const char* to);

}  // namespace hf
