#include "recovery/raw_source.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace hf {
namespace {
constexpr int kDepthMax = 64;
constexpr std::size_t kOpenMax = 32;
constexpr std::size_t kSectorBytes = 4096;  // what is tried where a larger read failed
}  // namespace

Status RawSources::add(const std::string& path, std::vector<ByteGap> gaps) {
  const Stat s = HF_TRY(env_.stat(path, true).context([&] { return "reading " + printable(path); }));
  if (s.type == FileType::directory) {
    if (!gaps.empty()) return Error(Code::usage, "a map belongs to an image, and " + printable(path) + " is a directory", "leave --map out, or name the image");
    return add_below(path, 0);
  }
  if (s.type != FileType::regular && s.type != FileType::block_device)
    return Error(Code::usage, printable(path) + " is neither a file nor a directory nor a block device", "name an image, a folder of carved files, or a device");
  return add_one(path, std::move(gaps));
}

Status RawSources::add_one(const std::string& path, std::vector<ByteGap> gaps) {
  const Fd fd = HF_TRY(env_.open(path, O_RDONLY).context([&] { return "reading " + printable(path); }));
  const Stat s = HF_TRY(env_.stat(fd.get(), "", true));
  Source source{path, s.size, std::move(gaps)};
  if (s.type == FileType::block_device) {
    const std::int64_t end = env_.sys_seek(fd.get(), 0, SEEK_END);
    if (end < 0) return Error::from_errno(static_cast<int>(-end), "measuring " + printable(path));
    source.bytes = static_cast<std::uint64_t>(end);
  }
  sources_.push_back(std::move(source));
  return {};
}

Status RawSources::add_below(const std::string& directory, int depth) {
  if (depth > kDepthMax) return {};
  for (const std::string& name : HF_TRY(env_.list_names(directory))) {
    const std::string path = directory + "/" + name;
    const auto s = env_.stat(path, false);
    if (!s) continue;  // removed meanwhile
    if (s->type == FileType::directory) HF_TRY(add_below(path, depth + 1));
    else if (s->type == FileType::regular && s->size > 0) HF_TRY(add_one(path, {}));
  }
  return {};
}

std::uint64_t RawSources::bytes_total() const {
  std::uint64_t total = 0;
  for (const Source& s : sources_) total += s.bytes;
  return total;
}

void RawSources::add_gap(std::size_t source, ByteGap gap) {
  auto& gaps = sources_[source].gaps;
  auto at = std::lower_bound(gaps.begin(), gaps.end(), gap.offset, [](const ByteGap& g, std::uint64_t offset) { return g.end < offset; });
  if (at != gaps.end() && at->offset <= gap.end) {  // they touch
    at->offset = std::min(at->offset, gap.offset);
    at->end = std::max(at->end, gap.end);
  } else {
    gaps.insert(at, gap);
  }
}

Result<std::shared_ptr<Fd>> RawSources::file(std::size_t source) const {
  {
    Lock lock(mutex_);
    for (auto it = open_.begin(); it != open_.end(); ++it)
      if (it->first == source) {
        open_.splice(open_.begin(), open_, it);
        return open_.front().second;
      }
  }
  auto fd = std::make_shared<Fd>(HF_TRY(env_.open(sources_[source].path, O_RDONLY).context([&] { return "reading " + printable(sources_[source].path); })));
  Lock lock(mutex_);
  open_.emplace_front(source, fd);
  if (open_.size() > kOpenMax) open_.pop_back();
  return fd;
}

Result<RawSources::Piece> RawSources::read_some(std::size_t source, std::uint64_t offset, MutableBytes out) {
  const Source& s = sources_[source];
  if (offset >= s.bytes) return Piece{};
  std::uint64_t end = s.bytes;
  const auto gap = std::upper_bound(s.gaps.begin(), s.gaps.end(), offset, [](std::uint64_t at, const ByteGap& g) { return at < g.end; });
  if (gap != s.gaps.end()) {
    if (gap->offset <= offset) return Piece{0, std::min(gap->end, s.bytes) - offset, false};
    end = std::min(end, gap->offset);
  }
  const auto fd = HF_TRY(file(source));
  if (const std::int64_t data = env_.sys_seek(fd->get(), offset, SEEK_DATA); data > static_cast<std::int64_t>(offset))
    return Piece{0, std::min(static_cast<std::uint64_t>(data), end) - offset, true};
  else if (data == -ENXIO)
    return Piece{0, end - offset, true};  // a hole up to the end
  const MutableBytes part = out.first(std::min<std::uint64_t>(out.size(), end - offset));
  auto n = env_.read_at(fd->get(), part, offset);
  if (n) return *n == 0 ? Piece{0, s.bytes - offset, false} : Piece{*n, 0, false};  // shorter than it was: the rest is gone
  if (n.error().code != Code::io) return n.error();
  // Sector by sector up to the first that fails; that one is a gap, and the next call goes on behind it.
  std::size_t good = 0;
  while (good < part.size()) {
    const std::size_t to_boundary = kSectorBytes - (offset + good) % kSectorBytes;
    const MutableBytes sector = part.subspan(good, std::min(to_boundary, part.size() - good));
    const auto got = env_.read_at(fd->get(), sector, offset + good);
    if (got && *got == sector.size()) {
      good += *got;
      continue;
    }
    const std::uint64_t bad = offset + good;
    add_gap(source, {bad, bad + sector.size()});
    if (good == 0) return Piece{0, sector.size(), false};
    break;
  }
  return Piece{good, 0, false};
}

Status RawSources::read(const Extent& from, MutableBytes out) const {
  const Source& s = sources_[from.source];
  if (from.offset > s.bytes || out.size() > s.bytes - from.offset) return Error(Code::corrupt, "it goes on past the end of " + printable(s.path));
  const auto gap = std::upper_bound(s.gaps.begin(), s.gaps.end(), from.offset, [](std::uint64_t at, const ByteGap& g) { return at < g.end; });
  if (gap != s.gaps.end() && gap->offset < from.offset + out.size()) return Error(Code::corrupt, "some of it could not be read");
  const auto fd = HF_TRY(file(from.source));
  auto n = env_.read_at(fd->get(), out, from.offset);
  if (!n) return Error(Code::corrupt, n.error().message);  // the medium is what it is: nothing that a caller could cure
  if (*n != out.size()) return Error(Code::corrupt, "it goes on past the end of " + printable(s.path));
  return {};
}

Status ExtentReader::read(std::uint64_t offset, MutableBytes out) {
  if (offset > extent_.bytes || out.size() > extent_.bytes - offset) return Error(Code::corrupt, "it is shorter than it should be");
  return sources_.read({extent_.source, extent_.offset + offset, out.size()}, out);
}

}  // namespace hf
