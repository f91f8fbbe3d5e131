#pragma once
// Does a directory rest on a device that is being read? Linux tells in /sys.

#include "platform/env.hpp"

namespace hf {

/// True where `directory` (or the nearest that exists above it) lies on the disk behind the block device `device`: on the
/// device itself, on another partition of its disk, or on what is built on it (LVM, RAID, encryption, a loop device).
/// False also where the system does not say.
Result<bool> rests_on_device(Env& env, const std::string& directory, const std::string& device);

}  // namespace hf
