#include "recovery/same_device.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

namespace hf {
namespace {

constexpr int kLayersMax = 8;  // an encrypted volume on LVM on RAID on partitions has five

struct Number {
  std::uint32_t major_number = 0, minor_number = 0;
};

std::optional<Number> parse_number(std::string_view text) {
  Number n;
  const auto [colon, error] = std::from_chars(text.data(), text.data() + text.size(), n.major_number);
  if (error != std::errc() || colon == text.data() + text.size() || *colon != ':') return std::nullopt;
  if (std::from_chars(colon + 1, text.data() + text.size(), n.minor_number).ec != std::errc()) return std::nullopt;
  return n;
}

/// Names of whole disks ("sda", "nvme0n1") and layers ("dm-0") on which the device rests.
void add_disks(Env& env, const Number& device, std::set<std::string>& disks, int depth = 0) {
  if (depth > kLayersMax) return;
  const std::string at = "/sys/dev/block/" + std::to_string(device.major_number) + ":" + std::to_string(device.minor_number);
  // "../../devices/pci0000:00/…/block/sda/sda1": a partition lies below its disk.
  const auto link = env.read_link(Env::kCwd, at.c_str());
  if (!link) return;
  const std::size_t block = link->find("/block/");
  if (block != std::string::npos) {
    const std::size_t begin = block + 7;
    disks.insert(link->substr(begin, link->find('/', begin) - begin));
  }
  if (const auto slaves = env.list_names(at + "/slaves"))
    for (const std::string& slave : *slaves)
      if (const auto text = env.read_file("/sys/class/block/" + slave + "/dev", 64))
        if (const auto number = parse_number(as_text(*text))) add_disks(env, *number, disks, depth + 1);
  if (const auto file = env.read_file(at + "/loop/backing_file", 8192)) {
    const std::string_view path = as_text(*file).substr(0, as_text(*file).find('\n'));
    if (const auto s = env.stat(std::string(path), true)) add_disks(env, {major(s->dev), minor(s->dev)}, disks, depth + 1);
  }
}

/// A file system that has no device number of its own (btrfs, overlay) names one in the table of mounts.
std::optional<Number> mounted_from(Env& env, std::uint64_t dev) {
  const auto table = env.read_file("/proc/self/mountinfo", 4u << 20);
  if (!table) return std::nullopt;
  const std::string number = " " + std::to_string(major(dev)) + ":" + std::to_string(minor(dev)) + " ";
  for (std::string_view text = as_text(*table); !text.empty();) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t dash = line.find(" - ");
    if (line.find(number) == std::string_view::npos || dash == std::string_view::npos) continue;
    const std::string_view rest = line.substr(dash + 3);  // type, source, options
    const std::size_t begin = rest.find(' ') + 1;
    const std::string source(rest.substr(begin, rest.find(' ', begin) - begin));
    const auto s = env.stat(source, true);
    if (s && s->type == FileType::block_device) return Number{s->rdev_major, s->rdev_minor};
  }
  return std::nullopt;
}

}  // namespace

Result<bool> rests_on_device(Env& env, const std::string& directory, const std::string& device) {
  const Stat read = HF_TRY(env.stat(device, true));
  if (read.type != FileType::block_device) return false;
  std::string at = directory;
  auto there = env.stat(at, true);
  while (!there && there.error().code == Code::not_found && at != "/" && !at.empty()) {
    const std::size_t slash = at.rfind('/');
    at = slash == std::string::npos ? "." : slash == 0 ? "/" : at.substr(0, slash);
    there = env.stat(at, true);
  }
  if (!there) return there.error();
  Number below{major(there->dev), minor(there->dev)};
  if (below.major_number == 0)
    if (const auto number = mounted_from(env, there->dev)) below = *number;
  if (below.major_number == read.rdev_major && below.minor_number == read.rdev_minor) return true;
  std::set<std::string> mine, theirs;
  add_disks(env, below, mine);
  add_disks(env, {read.rdev_major, read.rdev_minor}, theirs);
  return std::any_of(mine.begin(), mine.end(), [&](const std::string& d) { return theirs.contains(d); });
}

}  // namespace hf
