#include "target/fs/metadata.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/units.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {

NotSet::Kind kind_of(std::string_view xattr) {
  if (xattr.starts_with("system.posix_acl_")) return NotSet::Kind::acl;
  if (xattr == "security.capability") return NotSet::Kind::capability;
  return NotSet::Kind::attribute;
}

/// "name:x:12:…" lines of /etc/passwd and /etc/group. Names that come from elsewhere (LDAP) are found when they have
/// the same number here.
std::map<std::string, std::uint32_t, std::less<>> read_numbers(Env& env, const std::string& path) {
  std::map<std::string, std::uint32_t, std::less<>> out;
  const auto content = env.read_file(path, 64u << 20);
  if (!content) return out;
  std::string_view text = as_text(*content);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string number(line.substr(second + 1, line.find(':', second + 1) - second - 1));
    if (!number.empty() && number.find_first_not_of("0123456789") == std::string::npos)
      out.emplace(line.substr(0, first), static_cast<std::uint32_t>(std::strtoul(number.c_str(), nullptr, 10)));
  }
  return out;
}

}  // namespace

void NotSet::add(Kind kind, int os_error, const Directory& directory, std::string_view name) {
  Lock lock(mutex_);
  Cell& cell = cells_[static_cast<std::size_t>(kind)];
  if (cell.count++ > 0) return;
  cell.example = directory.path_of(name);
  cell.os_error = os_error;
}

std::vector<NotSet::Row> NotSet::rows() const {
  Lock lock(mutex_);
  std::vector<Row> out;
  for (std::size_t i = 0; i < cells_.size(); ++i)
    if (cells_[i].count > 0) out.push_back({static_cast<Kind>(i), cells_[i].count, cells_[i].example, cells_[i].os_error});
  return out;
}

std::string NotSet::sentence(const Row& row) {
  static constexpr const char* kWhat[] = {"the owner",       "the mode",           "the time",       "the access control list", "the capability",
                                          "an extended attribute", "inode flags", "the device node", "the hard link (a copy was made)"};
  return fmt::format("{} could not be set on {} {} (first: {}): {}", kWhat[static_cast<std::size_t>(row.kind)], human_count(row.count),
                     row.count == 1 ? "item" : "items", printable(row.example.empty() ? "." : row.example), std::strerror(row.os_error));
}

MetadataWriter::MetadataWriter(DirectoryTree& tree, Owners owners, const Names& users, const Names& groups)
    : env_(tree.env()), creation_(tree.creation()), root_(env_.user_id() == 0), user_(env_.user_id()), owners_(owners) {
  if (owners_ != Owners::names) return;
  const auto local_users = read_numbers(env_, "/etc/passwd"), local_groups = read_numbers(env_, "/etc/group");
  for (const auto& [uid, name] : users) {
    if (env_.user_name(uid) == name) continue;
    if (const auto at = local_users.find(name); at != local_users.end()) users_[uid] = at->second;
  }
  for (const auto& [gid, name] : groups) {
    if (env_.group_name(gid) == name) continue;
    if (const auto at = local_groups.find(name); at != local_groups.end()) groups_[gid] = at->second;
  }
}

MetadataWriter::Owner MetadataWriter::owner_of(const Metadata& m) const {
  Owner o{m.uid, m.gid};
  if (const auto at = users_.find(m.uid); at != users_.end()) o.uid = at->second;
  if (const auto at = groups_.find(m.gid); at != groups_.end()) o.gid = at->second;
  return o;
}

unsigned MetadataWriter::creation_mode(const Directory& directory, const Metadata& m) const {
  if (!creation_.known || !directory.plain() || m.xattrs != nullptr) return 0600;
  if (owners_ != Owners::none) {
    const Owner o = owner_of(m);
    if (o.uid != creation_.uid || o.gid != creation_.gid) return 0600;  // nobody may look in before it has its owner
  }
  return m.mode & 0777u;
}

void MetadataWriter::set_owner(const Place& p, const Metadata& m) {
  if (owners_ == Owners::none) return;
  const Owner o = owner_of(m);
  if (!root_ && o.uid != user_) {
    not_set_.add(NotSet::Kind::owner, EPERM, p.directory, p.label);  // a call that cannot succeed
    return;
  }
  const int result = uninterrupted([&] { return env_.sys_chownat(p.at, p.name, o.uid, o.gid); });
  if (result < 0) not_set_.add(NotSet::Kind::owner, -result, p.directory, p.label);
}

void MetadataWriter::set_xattrs(const Place& p, const Metadata& m) {
  if (m.xattrs == nullptr) return;
  for (const Xattr& x : *m.xattrs) {
    const int result = uninterrupted([&] { return env_.sys_setxattrat(p.at, p.name, x.name.c_str(), x.value.data(), x.value.size()); });
    if (result < 0) not_set_.add(kind_of(x.name), -result, p.directory, p.label);
  }
}

void MetadataWriter::set_rest(const Place& p, const Metadata& m, bool mode) {
  if (mode && m.type != FileType::symlink) {
    const int result = uninterrupted([&] { return env_.sys_chmodat(p.at, p.name, m.mode); });
    if (result < 0) not_set_.add(NotSet::Kind::mode, -result, p.directory, p.label);
  }
  const int result = uninterrupted([&] { return env_.sys_utimeat(p.at, p.name, m.mtime); });
  if (result < 0) not_set_.add(NotSet::Kind::time, -result, p.directory, p.label);
}

// The order: the owner first (a change of owner clears set-id bits and capabilities), attributes while the mode still
// lets us, then the mode (a file's ACL and its mode agree on the mask), the time when nothing more touches it.
void MetadataWriter::set_on_new(const Place& p, const Metadata& m, unsigned created_mode) {
  const Owner o = owner_of(m);
  const bool ours = creation_.known && p.directory.plain() && o.uid == creation_.uid && o.gid == creation_.gid;
  if (!ours) set_owner(p, m);
  set_xattrs(p, m);
  const bool mode_holds = creation_.known && p.directory.plain() && (created_mode & ~creation_.umask) == m.mode && m.xattrs == nullptr;
  set_rest(p, m, !mode_holds);
}

void MetadataWriter::set_on_existing(const Place& p, const Metadata& m, const Stat& before) {
  const Owner o = owner_of(m);
  if (before.uid != o.uid || before.gid != o.gid) set_owner(p, m);
  std::string names(1024, '\0');
  ssize_t n;
  while ((n = uninterrupted([&] { return env_.sys_listxattrat(p.at, p.name, names.data(), names.size()); })) == -ERANGE) names.resize(names.size() * 4);
  for (ssize_t at = 0; at < n;) {
    const char* name = names.data() + at;
    at += static_cast<ssize_t>(std::strlen(name)) + 1;
    const bool wanted = m.xattrs != nullptr && std::any_of(m.xattrs->begin(), m.xattrs->end(), [&](const Xattr& x) { return x.name == name; });
    // Security labels other than capabilities belong to the machine's policy.
    const bool labels = std::string_view(name).starts_with("security.") && std::string_view(name) != "security.capability";
    if (wanted || labels) continue;
    const int result = uninterrupted([&] { return env_.sys_removexattrat(p.at, p.name, name); });
    if (result < 0 && result != -ENODATA) not_set_.add(kind_of(name), -result, p.directory, p.label);
  }
  set_xattrs(p, m);
  set_rest(p, m, true);
}

bool MetadataWriter::differs(const Place& p, const Metadata& m, const Stat& there) {
  if (m.type != FileType::symlink && there.mode != m.mode) return true;
  if (there.mtime != m.mtime) return true;
  if (owners_ != Owners::none) {
    const Owner o = owner_of(m);
    if (root_ && (there.uid != o.uid || there.gid != o.gid)) return true;
  }
  char names[1024];
  const ssize_t n = uninterrupted([&] { return env_.sys_listxattrat(p.at, p.name, names, sizeof names); });
  if (n == -ERANGE) return true;
  std::size_t found = 0;
  for (ssize_t at = 0; at < n;) {
    const char* name = names + at;
    at += static_cast<ssize_t>(std::strlen(name)) + 1;
    if (m.xattrs == nullptr) {
      if (std::string_view(name).starts_with("security.") && std::string_view(name) != "security.capability") continue;
      return true;
    }
    const auto wanted = std::find_if(m.xattrs->begin(), m.xattrs->end(), [&](const Xattr& x) { return x.name == name; });
    if (wanted == m.xattrs->end()) {
      if (std::string_view(name).starts_with("security.") && std::string_view(name) != "security.capability") continue;
      return true;
    }
    Buffer value(wanted->value.size() + 1);
    const ssize_t got = uninterrupted([&] { return env_.sys_getxattrat(p.at, p.name, name, value.data(), value.size()); });
    if (got != static_cast<ssize_t>(wanted->value.size()) || !std::equal(wanted->value.begin(), wanted->value.end(), value.begin())) return true;
    ++found;
  }
  return m.xattrs != nullptr && found != m.xattrs->size() && n >= 0;
}

void MetadataWriter::set_flags(const Place& p, std::uint32_t flags, bool with_sealing) {
  flags &= kFlagsSettable;
  if (!with_sealing) flags &= ~kFlagsSealing;
  if (flags == 0) return;
  std::uint32_t there = 0;
  int result = uninterrupted([&] { return env_.sys_get_flags(p.at, &there); });
  if (result == 0) {
    const std::uint32_t wanted = (there & ~kFlagsSettable) | flags;
    if (wanted == there) return;
    result = uninterrupted([&] { return env_.sys_set_flags(p.at, wanted); });
    // Only root may seal a file: at least the rest.
    if (result == -EPERM && (flags & kFlagsSealing) != 0 && (wanted & ~kFlagsSealing) != there)
      uninterrupted([&] { return env_.sys_set_flags(p.at, wanted & ~kFlagsSealing); });
  }
  if (result < 0) not_set_.add(NotSet::Kind::flags, -result, p.directory, p.label);
}

}  // namespace hf
