#include "target/fs/undo_area.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "target/fs/new_file.hpp"
#include "target/fs/remove.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {

constexpr std::string_view kMagic = "holdfast undo 1\n";
constexpr std::size_t kLinesMax = 1u << 20;

/// One word without spaces: everything but plain characters becomes %XX.
std::string escaped(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    const auto b = static_cast<unsigned char>(c);
    if (b > 0x20 && b != '%' && b != 0x7f) out += c;
    else out += fmt::format("%{:02X}", b);
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view word) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (word[i] != '%') {
      out += word[i];
      continue;
    }
    const auto byte = i + 2 < word.size() ? from_hex(word.substr(i + 1, 2)) : Result<Buffer>(Error(Code::corrupt, ""));
    if (!byte) return std::nullopt;
    out += static_cast<char>((*byte)[0]);
    i += 2;
  }
  return out;
}

/// "2026-11-23T17:45:00.123456789Z" -> "20261123T174500Z"
std::string compact_time(std::int64_t wall_ns) {
  std::string out;
  for (const char c : utc_time(wall_ns).substr(0, 19))
    if (c != '-' && c != ':') out += c;
  return out + "Z";
}

}  // namespace

UndoArea::UndoArea(DirectoryTree& tree, std::int64_t wall_ns, std::string about)
    : tree_(tree), name_(std::string(kPrefix) + compact_time(wall_ns)), about_(std::move(about)) {}

void UndoArea::line(std::string text, const Directory& directory, std::string_view name) {
  text += ' ';
  text += escaped(name.empty() ? directory.path() : directory.path_of(name));
  text += '\n';
  Lock lock(mutex_);
  lines_ += text;
}

void UndoArea::will_create(const Directory& d, std::string_view name, FileType type, std::uint64_t size, std::int64_t mtime) {
  if (type == FileType::directory) line("create-directory", d, name);
  else line(fmt::format("create {} {}", size, mtime), d, name);
}
void UndoArea::will_replace(const Directory& d, std::string_view name, FileType type, std::uint64_t size, std::int64_t mtime) {
  line(type == FileType::directory ? std::string("replace-by-directory") : fmt::format("replace {} {}", size, mtime), d, name);
}
void UndoArea::will_delete(const Directory& d, std::string_view name) { line("delete", d, name); }
void UndoArea::will_change(const Directory& d, std::string_view name, const Stat& before) {
  line(fmt::format("{} {} {} {} {}", before.type == FileType::directory ? "change-directory" : "change", before.mode, before.uid, before.gid, before.mtime), d, name);
}

bool UndoArea::has_unwritten() const {
  Lock lock(mutex_);
  return !lines_.empty();
}

Result<DirectoryRef> UndoArea::ensure_files() {
  Lock lock(area_mutex_);
  return ensure();
}

Result<DirectoryRef> UndoArea::ensure() {
  if (area_) return files_;
  const auto doing = [] { return "making the folder that keeps what is replaced"; };
  const std::string wanted = name_;
  Result<DirectoryRef> made = tree_.make(tree_.root(), name_);
  for (int n = 2; !made && made.error().code == Code::already_exists && n < 1000; ++n) {
    name_ = fmt::format("{}-{}", wanted, n);
    made = tree_.make(tree_.root(), name_);
  }
  if (!made) return std::move(made).context(doing).error();
  files_ = HF_TRY(tree_.make(*made, "files").context(doing));
  const Handle dir = HF_TRY(tree_.handle(*made));
  journal_ = HF_TRY(tree_.env().open(dir->get(), "journal", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW).context(doing));
  const std::string head = std::string(kMagic) + "about " + escaped(about_) + "\n";
  HF_TRY(tree_.env().write_at(journal_.get(), as_bytes(head), 0).context(doing));
  written_ = head.size();
  HF_TRY(tree_.env().sync(journal_.get()).context(doing));
  HF_TRY(tree_.env().sync(dir->get()).context(doing));
  const Handle root = HF_TRY(tree_.handle(tree_.root()));
  HF_TRY(tree_.env().sync(root->get()).context(doing));
  area_ = std::move(*made);
  return files_;
}

Status UndoArea::flush() {
  Lock area_lock(area_mutex_);
  std::string lines;
  {
    Lock lock(mutex_);
    lines.swap(lines_);
  }
  if (lines.empty()) return {};
  HF_TRY(ensure());
  HF_TRY(tree_.env().write_at(journal_.get(), as_bytes(lines), written_).context([] { return "writing the undo journal"; }));
  written_ += lines.size();
  return tree_.env().sync(journal_.get()).context([] { return "writing the undo journal"; });
}

Result<DirectoryRef> UndoArea::mirror_of(const DirectoryRef& directory) {
  DirectoryRef mirror = HF_TRY(ensure_files());
  // From the nearest known one downwards; the parents are few.
  std::vector<DirectoryRef> chain;
  {
    Lock lock(mirrors_mutex_);
    for (DirectoryRef d = directory; d->parent(); d = d->parent()) {
      const auto at = mirrors_.find(d.get());
      if (at != mirrors_.end()) {
        mirror = at->second.second;
        break;
      }
      chain.push_back(d);
    }
  }
  Env& env = tree_.env();
  for (auto d = chain.rbegin(); d != chain.rend(); ++d) {
    auto made = tree_.make(mirror, (*d)->name());
    if (made) {
      mirror = *made;
    } else if (made.error().code == Code::already_exists) {
      const Handle above = HF_TRY(tree_.handle(mirror));
      mirror = tree_.existing(mirror, (*d)->name(), HF_TRY(env.stat(above->get(), (*d)->name().c_str())));
    } else {
      return made.error();
    }
    Lock lock(mirrors_mutex_);
    if (mirrors_.size() > 1024) mirrors_.clear();
    mirrors_[d->get()] = {*d, mirror};  // holds the key's directory alive
  }
  return mirror;
}

Status UndoArea::take(const DirectoryRef& directory, const std::string& name) {
  const DirectoryRef mirror = HF_TRY(mirror_of(directory));
  const Handle from = HF_TRY(tree_.handle(directory)), to = HF_TRY(tree_.handle(mirror));
  const int result = rename_no_replace(tree_.env(), from->get(), name.c_str(), to->get(), name.c_str());
  if (result == -ENOENT) return {};  // it went meanwhile
  const std::string path = directory->path_of(name);
  if (result == -EXDEV)
    return Error(Code::refused, printable(path) + " lies on another file system, so it cannot be kept for an undo", "restore right there, or give --no-undo").with_object(path);
  if (result < 0) return Error::from_errno(-result, "keeping " + printable(path)).with_object(path);
  kept_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Status UndoArea::keep(const DirectoryRef& directory, const std::string& name) {
  const DirectoryRef mirror = HF_TRY(mirror_of(directory));
  const Handle from = HF_TRY(tree_.handle(directory)), to = HF_TRY(tree_.handle(mirror));
  const int result = uninterrupted([&] { return tree_.env().sys_linkat(from->get(), name.c_str(), to->get(), name.c_str()); });
  if (result == -ENOENT) return {};
  // No links here, or not for us (fs.protected_hardlinks): then there is an instant without the name.
  if (result < 0) return take(directory, name);
  kept_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

void UndoArea::remove_if_useless() {
  Lock lock(area_mutex_);
  if (!area_ || is_useful()) return;
  journal_.reset();
  files_.reset();
  static_cast<void>(remove_all(tree_, tree_.root(), name_));
  area_.reset();
}

// --- putting back ---

namespace {

class Undoing {
 public:
  Undoing(DirectoryTree& tree, const std::string& area) : tree_(tree), env_(tree.env()), area_name_(area) {}
  Result<UndoReport> run();

 private:
  struct Spot {
    DirectoryRef directory;
    std::string name;
  };
  Status backwards(std::uint64_t size);
  Status forwards(std::uint64_t size);
  Status act(std::string_view line);
  Status change(std::string_view line);
  Status change_at(const std::string& path, const std::vector<std::string_view>& words);
  /// nullopt where a directory on the way is gone.
  Result<std::optional<Spot>> find(const DirectoryRef& root, const std::string& path);
  Result<std::optional<Stat>> look(const std::optional<Spot>& spot);
  void kept(const std::string& path) {
    if (++report_.kept_count <= 1000) report_.kept.push_back(path);
  }

  DirectoryTree& tree_;
  Env& env_;
  const std::string area_name_;
  DirectoryRef files_;
  Fd journal_;
  UndoReport report_;
  std::string root_change_;
  // The last directory found below each of the two roots: changes come in order of directories.
  struct Last {
    std::string path;
    DirectoryRef directory;
  } last_[2];
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    out.push_back(line.substr(0, line.find(' ')));
    line.remove_prefix(std::min(line.size(), out.back().size() + 1));
  }
  return out;
}
std::int64_t number(std::string_view word) { return std::strtoll(std::string(word).c_str(), nullptr, 10); }

Result<std::optional<Undoing::Spot>> Undoing::find(const DirectoryRef& root, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  Last& last = last_[root == files_ ? 1 : 0];
  if (!last.directory || last.path != parent) {
    DirectoryRef at = root;
    std::string_view rest = parent;
    while (!rest.empty()) {
      const std::string part(rest.substr(0, rest.find('/')));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      if (!is_safe_name(part)) return Error(Code::corrupt, "the undo journal is damaged");
      const Handle dir = HF_TRY(tree_.handle(at));
      Stat stat;
      const int looked = uninterrupted([&] { return env_.sys_stat(dir->get(), part.c_str(), false, &stat); });
      if (looked == -ENOENT || (looked == 0 && stat.type != FileType::directory)) return std::optional<Spot>();
      if (looked < 0) return Error::from_errno(-looked, "looking at " + printable(parent));
      at = tree_.existing(at, part, stat);
    }
    last = {parent, at};
  }
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (!is_safe_name(name)) return Error(Code::corrupt, "the undo journal is damaged");
  return std::optional(Spot{last.directory, std::move(name)});
}

Result<std::optional<Stat>> Undoing::look(const std::optional<Spot>& spot) {
  if (!spot) return std::optional<Stat>();
  const Handle dir = HF_TRY(tree_.handle(spot->directory));
  Stat stat;
  const int looked = uninterrupted([&] { return env_.sys_stat(dir->get(), spot->name.c_str(), false, &stat); });
  if (looked == -ENOENT) return std::optional<Stat>();
  if (looked < 0) return Error::from_errno(-looked, "looking at " + printable(spot->name));
  return std::optional(stat);
}

Status Undoing::act(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 2) return {};
  const auto path = unescaped(words.back());
  if (!path) return Error(Code::corrupt, "the undo journal is damaged");
  const std::string_view op = words[0];
  if (op == "change-directory" || op == "about" || op == "holdfast") return {};
  const auto spot = HF_TRY(find(tree_.root(), *path));
  const auto now = HF_TRY(look(spot));
  const auto unlink = [&](const Spot& s, bool directory) -> Result<int> {
    const Handle dir = HF_TRY(tree_.handle(s.directory));
    return uninterrupted([&] { return env_.sys_unlinkat(dir->get(), s.name.c_str(), directory); });
  };
  const bool as_restored = words.size() == 4 && now && now->type != FileType::directory && now->mtime == number(words[2]) &&
                           (now->type != FileType::regular || now->size == static_cast<std::uint64_t>(number(words[1])));
  if (op == "create") {
    if (!now) return {};
    if (!as_restored) {
      kept(*path);
      return {};
    }
    const int result = HF_TRY(unlink(*spot, false));
    if (result < 0) return Error::from_errno(-result, "removing " + printable(*path));
    ++report_.removed;
    return {};
  }
  if (op == "create-directory") {
    if (!now || now->type != FileType::directory) return {};
    last_[0] = {};
    const int result = HF_TRY(unlink(*spot, true));
    if (result == 0) ++report_.removed;
    else kept(*path);  // something else is in it now
    return {};
  }
  if (op == "change") {
    if (!now || words.size() != 6) return {};
    const Handle dir = HF_TRY(tree_.handle(spot->directory));
    const auto uid = static_cast<std::uint32_t>(number(words[2])), gid = static_cast<std::uint32_t>(number(words[3]));
    if (now->uid != uid || now->gid != gid) uninterrupted([&] { return env_.sys_chownat(dir->get(), spot->name.c_str(), uid, gid); });
    if (now->type != FileType::symlink)
      uninterrupted([&] { return env_.sys_chmodat(dir->get(), spot->name.c_str(), static_cast<unsigned>(number(words[1]))); });
    uninterrupted([&] { return env_.sys_utimeat(dir->get(), spot->name.c_str(), number(words[4])); });
    ++report_.metadata;
    return {};
  }
  // replace, replace-by-directory, delete: something is in the area, unless the change never happened.
  const auto source = HF_TRY(find(files_, *path));
  const auto old = HF_TRY(look(source));
  if (!old) return {};
  if (now && now->dev == old->dev && now->ino == old->ino) {  // linked, then the restore died: the old file is in place
    HF_TRY(unlink(*source, false));
    return {};
  }
  if (!spot) {
    kept(*path);
    return {};
  }
  if (op == "replace-by-directory" && now && now->type == FileType::directory) {
    last_[0] = {};
    const int result = HF_TRY(unlink(*spot, true));
    if (result < 0) {
      kept(*path);
      return {};
    }
  } else if (now && op == "replace" && as_restored && old->type != FileType::directory) {
    // One rename below replaces it.
  } else if (now && op == "replace" && as_restored) {
    const int result = HF_TRY(unlink(*spot, false));
    if (result < 0) return Error::from_errno(-result, "removing " + printable(*path));
  } else if (now) {
    kept(*path);
    return {};
  }
  const Handle from = HF_TRY(tree_.handle(source->directory)), to = HF_TRY(tree_.handle(spot->directory));
  const bool replaces = op == "replace" && as_restored && old->type != FileType::directory;
  const int result = replaces ? uninterrupted([&] { return env_.sys_renameat(from->get(), source->name.c_str(), to->get(), spot->name.c_str(), false); })
                              : rename_no_replace(env_, from->get(), source->name.c_str(), to->get(), spot->name.c_str());
  if (result < 0) return Error::from_errno(-result, "putting back " + printable(*path)).with_object(*path);
  ++report_.put_back;
  return {};
}

Status Undoing::change(std::string_view line) {
  const auto words = words_of(line);
  if (words.size() < 5 || words.size() > 6 || words[0] != "change-directory") return {};
  const auto path = words.size() == 6 ? unescaped(words[5]) : std::optional<std::string>("");
  if (!path) return Error(Code::corrupt, "the undo journal is damaged");
  if (path->empty()) {  // the root's comes when the area is gone from it
    root_change_ = std::string(line);
    return {};
  }
  return change_at(*path, words);
}

Status Undoing::change_at(const std::string& path, const std::vector<std::string_view>& words) {
  DirectoryRef directory = tree_.root();
  if (!path.empty()) {
    const auto spot = HF_TRY(find(tree_.root(), path));
    const auto now = HF_TRY(look(spot));
    if (!now || now->type != FileType::directory) return {};
    directory = tree_.existing(spot->directory, spot->name, *now);
  }
  const Handle dir = HF_TRY(tree_.handle(directory));
  uninterrupted([&] { return env_.sys_chownat(dir->get(), "", static_cast<std::uint32_t>(number(words[2])), static_cast<std::uint32_t>(number(words[3]))); });
  uninterrupted([&] { return env_.sys_chmodat(dir->get(), "", static_cast<unsigned>(number(words[1]))); });
  uninterrupted([&] { return env_.sys_utimeat(dir->get(), "", number(words[4])); });
  ++report_.metadata;
  return {};
}

Status Undoing::backwards(std::uint64_t size) {
  Buffer block;
  std::string tail;  // of a line whose beginning is before what was read
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t n = std::min<std::uint64_t>(end, kLinesMax);
    block.resize(n);
    if (HF_TRY(env_.read_at(journal_.get(), block, end - n)) != n) return Error(Code::corrupt, "the undo journal is cut off");
    end -= n;
    std::string text = std::string(as_text(block)) + tail;
    tail.clear();
    if (end == size - n && !text.ends_with('\n')) text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);  // torn by a crash: never acted on
    while (!text.empty()) {
      if (text.back() == '\n') text.pop_back();
      const std::size_t begin = text.rfind('\n');
      if (begin == std::string::npos && end > 0) break;
      const std::size_t from = begin == std::string::npos ? 0 : begin + 1;
      HF_TRY(act(std::string_view(text).substr(from)));
      text.resize(from);
    }
    tail = text + (text.empty() ? "" : "\n");
  }
  return {};
}

Status Undoing::forwards(std::uint64_t size) {
  Buffer block;
  std::string head;
  for (std::uint64_t at = 0; at < size;) {
    block.resize(std::min<std::uint64_t>(size - at, kLinesMax));
    if (HF_TRY(env_.read_at(journal_.get(), block, at)) != block.size()) return Error(Code::corrupt, "the undo journal is cut off");
    at += block.size();
    head += as_text(block);
    std::size_t begin = 0;
    for (std::size_t end; (end = head.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line = std::string_view(head).substr(begin, end - begin);
      if (line.starts_with("about ")) report_.about = unescaped(line.substr(6)).value_or("");
      else HF_TRY(change(line));
    }
    head.erase(0, begin);
  }
  return {};
}

Result<UndoReport> Undoing::run() {
  const Handle root = HF_TRY(tree_.handle(tree_.root()));
  const auto no_area = [&] { return Error(Code::not_found, "'" + printable(area_name_) + "' is no undo folder", "look for folders that begin with " + std::string(UndoArea::kPrefix)); };
  if (!is_safe_name(area_name_)) return no_area();
  const auto stat = env_.stat(root->get(), area_name_.c_str());
  if (!stat || stat->type != FileType::directory) return no_area();
  const DirectoryRef area = tree_.existing(tree_.root(), area_name_, *stat);
  const Handle dir = HF_TRY(tree_.handle(area));
  auto journal = env_.open(dir->get(), "journal", O_RDONLY | O_NOFOLLOW);
  if (!journal) {
    // Without a journal it is an area that was just begun, or that an undo had all but removed: then nothing is in it.
    uninterrupted([&] { return env_.sys_unlinkat(dir->get(), "files", true); });
    const int removed = journal.error().code == Code::not_found ? uninterrupted([&] { return env_.sys_unlinkat(root->get(), area_name_.c_str(), true); }) : -EIO;
    if (removed < 0) return no_area();
    report_.area_removed = true;
    return std::move(report_);
  }
  journal_ = std::move(*journal);
  const Stat facts = HF_TRY(env_.stat(journal_.get(), ""));
  Buffer magic(kMagic.size());
  if (HF_TRY(env_.read_at(journal_.get(), magic, 0)) != magic.size() || as_text(magic) != kMagic)
    return Error(Code::corrupt, "the journal of the undo folder is damaged or of a newer version", "what was replaced lies in its folder 'files'");
  const auto files = env_.stat(dir->get(), "files");
  if (!files && files.error().code == Code::not_found) {  // an undo was through, but for this
    journal_.reset();
    HF_TRY(remove_all(tree_, tree_.root(), area_name_));
    report_.area_removed = true;
    return std::move(report_);
  }
  files_ = tree_.existing(area, "files", HF_TRY(files));
  HF_TRY(backwards(facts.size));
  HF_TRY(forwards(facts.size));
  journal_.reset();
  if (report_.kept_count == 0) {
    // Durably back first, and the journal last.
    last_[0] = last_[1] = {};
    files_.reset();
    const int synced = uninterrupted([&] { return env_.sys_syncfs(root->get()); });
    if (synced < 0) return Error::from_errno(-synced, "making durable what was put back");
    HF_TRY(remove_all(tree_, area, "files"));
    HF_TRY(env_.sync(dir->get()));
    HF_TRY(remove_all(tree_, tree_.root(), area_name_));
    report_.area_removed = true;
  }
  if (!root_change_.empty()) HF_TRY(change_at("", words_of(root_change_)));
  return std::move(report_);
}

}  // namespace

Result<UndoReport> undo(DirectoryTree& tree, const std::string& area_name) { return Undoing(tree, area_name).run(); }

Result<std::string> newest_undo_area(Env& env, const std::string& root) {
  std::string newest;
  for (const std::string& name : HF_TRY(env.list_names(root)))
    if (name.starts_with(UndoArea::kPrefix)) newest = std::max(newest, name);
  if (newest.empty()) return Error(Code::not_found, "there is nothing to undo in " + printable(root), "undo folders begin with " + std::string(UndoArea::kPrefix));
  return newest;
}

}  // namespace hf
