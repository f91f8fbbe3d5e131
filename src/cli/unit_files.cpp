#include "cli/unit_files.hpp"

#include <algorithm>
#include <cerrno>

namespace hf::cli {
namespace {

constexpr std::size_t kUnitBytesMax = 1 << 20;

bool is_unit_name(std::string_view name) { return name.starts_with(kUnitPrefix) && (name.ends_with(".service") || name.ends_with(".timer")); }
bool is_ours(ByteView content) { return as_text(content).starts_with(kUnitMark); }
bool is_absent(const Error& error) { return error.code == Code::not_found || error.code == Code::not_a_directory; }

Status remove_name(Env& env, const std::string& path) {
  const int removed = env.sys_unlinkat(Env::kCwd, path.c_str(), false);
  if (removed < 0 && removed != -ENOENT && removed != -ENOTDIR) return Error::from_errno(-removed, "removing " + printable(path));
  return {};
}

}  // namespace

std::string_view name_of(UnitFile state) {
  switch (state) {
    case UnitFile::absent: return "absent";
    case UnitFile::same: return "installed";
    case UnitFile::differs: return "outdated";
    case UnitFile::foreign: return "foreign";
  }
  return "absent";
}

Result<UnitFile> look_at_unit(Env& env, const std::string& directory, const Unit& unit) {
  const std::string path = directory + "/" + unit.name;
  // A link is somebody's decision (systemctl mask, link): never ours.
  const auto s = env.stat(path, false);
  if (!s) {
    if (is_absent(s.error())) return UnitFile::absent;
    return s.error();
  }
  if (s->type != FileType::regular || s->size > kUnitBytesMax) return UnitFile::foreign;
  const Buffer content = HF_TRY(env.read_file(path, kUnitBytesMax));
  if (!is_ours(content)) return UnitFile::foreign;
  return as_text(content) == unit.text ? UnitFile::same : UnitFile::differs;
}

Result<std::vector<std::string>> our_units(Env& env, const std::string& directory) {
  std::vector<std::string> out;
  auto names = env.list_names(directory);
  if (!names && is_absent(names.error())) return out;
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (!is_unit_name(name)) continue;
    const UnitFile state = HF_TRY(look_at_unit(env, directory, {name, ""}));
    if (state == UnitFile::same || state == UnitFile::differs) out.push_back(name);
  }
  return out;
}

Result<std::vector<std::string>> write_units(Env& env, const std::string& directory, const std::vector<Unit>& units) {
  std::vector<const Unit*> due;
  for (const Unit& unit : units) {
    const UnitFile state = HF_TRY(look_at_unit(env, directory, unit));
    if (state == UnitFile::foreign)
      return Error(Code::already_exists, printable(directory + "/" + unit.name) + " was not written by Holdfast", "nothing was changed; move that file away, or name the source differently");
    if (state != UnitFile::same) due.push_back(&unit);
  }
  HF_TRY(env.make_directories(directory, 0755));
  std::vector<std::string> out;
  for (const Unit* unit : due) {
    HF_TRY(env.write_file_atomically(directory + "/" + unit->name, as_bytes(unit->text), 0644));
    out.push_back(unit->name);
  }
  return out;
}

Status remove_units(Env& env, const std::string& directory, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    HF_TRY(remove_name(env, directory + "/timers.target.wants/" + name));
    HF_TRY(remove_name(env, directory + "/" + name));
  }
  return {};
}

}  // namespace hf::cli
