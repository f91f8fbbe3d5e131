#include "store/local/local_store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

namespace hf {
namespace {

// Crash story of a commit: bytes to tmp/<random>, fsync, rename without replacing to the final name, fsync of the
// directory. Before the rename is durable the object is absent (a leftover in tmp/ is swept later); after it, whole.
// Replacing is the same with a rename that replaces: before it is durable the old object is there, after it the new one.
//
// Whoever writes to a file in tmp/ holds its lock, which ends with the program; so a file there that can be locked is
// nobody's any more. Between making a file and locking it a sweep may take it: then another one is made.
//
// A folder of packs that is there may have been made by a program that died before the folder was durable, and a pack in
// it would go with it. So the first pack that goes into a folder makes the folder itself durable too. The same holds for
// the folders of kinds that a vault of an earlier program has no folder of.

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

Status make_folders(Env& env, const std::string& directory, std::span<const ObjectKind> kinds = kObjectKinds);

class LocalStore final : public ObjectStore {
 public:
  LocalStore(Env& env, std::string root) : env_(env), root_(std::move(root)) {}

  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override;
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override;
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override;
  Status remove(const ObjectName& name) override;
  Status settle(std::span<const ObjectName> names) override;
  Status sweep() override;
  StoreTraits traits() const override { return {}; }
  std::string place() const override { return root_; }

  /// The directory that holds objects of this name: packs are spread over 256 folders.
  std::string directory_of(const ObjectName& name) const {
    const std::string folder = root_ + (name.kind == ObjectKind::config ? "" : "/") + std::string(folder_of(name.kind));
    return name.kind == ObjectKind::pack ? folder + "/" + name.name.substr(0, 2) : folder;
  }
  std::string path_of(const ObjectName& name) const { return directory_of(name) + "/" + name.name; }
  std::string temporary() const { return root_ + "/tmp"; }
  /// Makes an object's name durable.
  Status settle_name(const ObjectName& name);
  Status list_folder(const std::string& path, const std::function<void(std::string_view, std::uint64_t)>& visit);

  Env& env_;
  const std::string root_;
  std::array<std::atomic<bool>, 256> folder_durable_{};  // of packs, by their first byte
  std::array<std::atomic<bool>, std::size(kObjectKinds)> kind_durable_{};  // of other kinds
};

class LocalUpload final : public Upload {
 public:
  LocalUpload(LocalStore& store, std::string path, Fd file) : store_(store), path_(std::move(path)), file_(std::move(file)) {}
  ~LocalUpload() override {
    if (!path_.empty()) store_.env_.sys_unlinkat(Env::kCwd, path_.c_str(), false);
  }
  Status append(ByteView bytes) override {
    HF_TRY(store_.env_.write_at(file_.get(), bytes, size_).context([&] { return "writing to the vault in " + store_.root_; }));
    size_ += bytes.size();
    return {};
  }
  /// Another program removed the file.
  Result<bool> is_gone() { return HF_TRY(store_.env_.stat(file_.get(), "")).nlink == 0; }
  Status commit(const ObjectName& name) override { return publish(name, true); }
  Status replace(const ObjectName& name) override { return publish(name, false); }

 private:
  Status publish(const ObjectName& name, bool no_replace) {
    const auto doing = [&] { return "storing " + name.text() + " in " + store_.root_; };
    HF_TRY(store_.env_.sync(file_.get()).context(doing));
    const std::string directory = store_.directory_of(name), target = directory + "/" + name.name;
    int status = rename_to(target, no_replace);
    if (status == -ENOENT) {  // the first object of its folder
      // If the vault itself went away (unmounted, renamed), no half of one is made in its place.
      HF_TRY(store_.env_.stat(store_.temporary(), true).context(doing));
      HF_TRY(store_.env_.make_directories(directory).context(doing));
      status = rename_to(target, no_replace);
    }
    if (status == -EEXIST) return already_there(name);
    if (status < 0) return Error::from_errno(-status, doing());
    path_.clear();
    return store_.settle_name(name).context(doing);
  }
  int rename_to(const std::string& target, bool no_replace) {
    int status;
    do status = store_.env_.sys_renameat(Env::kCwd, path_.c_str(), Env::kCwd, target.c_str(), no_replace);
    while (status == -EINTR);
    return status;
  }
  Status already_there(const ObjectName& name) {
    const auto there = HF_TRY(store_.open(name));
    const Error other = Error(Code::already_exists, name.text() + " exists already and holds something else").with_object(name.text());
    if (there->size() != size_) return other;
    std::array<Buffer, 2> parts;
    for (std::uint64_t at = 0; at < size_; at += parts[0].size()) {
      for (Buffer& p : parts) p.resize(std::min<std::uint64_t>(size_ - at, 1u << 20));
      HF_TRY(there->read(at, parts[0]));
      if (HF_TRY(store_.env_.read_at(file_.get(), parts[1], at)) != parts[1].size() || parts[0] != parts[1]) return other;
    }
    return store_.settle_name(name);  // whoever made it may not have made it durable yet
  }

  LocalStore& store_;
  std::string path_;  // empty once the file has its final name
  Fd file_;
  std::uint64_t size_ = 0;
};

class LocalReader final : public ObjectReader {
 public:
  LocalReader(Env& env, Fd file, std::uint64_t size, std::string name) : env_(env), file_(std::move(file)), size_(size), name_(std::move(name)) {}
  std::uint64_t size() const override { return size_; }
  Status read(std::uint64_t offset, MutableBytes out) override {
    const std::size_t n = HF_TRY(env_.read_at(file_.get(), out, offset).context([&] { return "reading " + name_; }));
    if (n != out.size()) return Error(Code::corrupt, name_ + " is shorter than it should be").with_object(name_);
    return {};
  }

 private:
  Env& env_;
  const Fd file_;
  const std::uint64_t size_;
  const std::string name_;
};

Result<std::unique_ptr<Upload>> LocalStore::create(ObjectKind) {
  const auto doing = [&] { return "writing to the vault in " + root_; };
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::array<std::uint8_t, 12> random;
    env_.random(random);
    std::string path = temporary() + "/" + to_hex(random);
    auto opened = env_.open(path, O_RDWR | O_CREAT | O_EXCL);
    // Some ways of copying leave out empty folders; of a vault whose disk went away the description is missing too.
    if (!opened && opened.error().code == Code::not_found && env_.stat(path_of(config_name()))) {
      HF_TRY(make_folders(env_, root_).context(doing));
      opened = env_.open(path, O_RDWR | O_CREAT | O_EXCL);
    }
    Fd file = HF_TRY(std::move(opened).context(doing));
    int locked;
    do locked = env_.sys_lock(file.get());
    while (locked == -EINTR);
    auto upload = std::make_unique<LocalUpload>(*this, std::move(path), std::move(file));
    if (locked == -EWOULDBLOCK) continue;  // a sweep has it and takes it
    if (locked == 0 && HF_TRY(upload->is_gone().context(doing))) continue;  // a sweep was quicker
    return std::unique_ptr<Upload>(std::move(upload));  // without locks nobody sweeps either
  }
  return Error(Code::io, doing() + ": something removes each new file in " + printable(temporary()));
}

Status LocalStore::sweep() {
  for (const std::string& name : HF_TRY(env_.list_names(temporary()))) {
    if (name.size() != 24 || !std::all_of(name.begin(), name.end(), is_hex)) continue;
    const std::string path = temporary() + "/" + name;
    const auto file = env_.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (!file) continue;  // gone meanwhile, or another user's
    int locked;
    do locked = env_.sys_lock(file->get());
    while (locked == -EINTR);
    if (locked != 0) continue;
    int status;
    do status = env_.sys_unlinkat(Env::kCwd, path.c_str(), false);
    while (status == -EINTR);
    if (status < 0 && status != -ENOENT) return Error::from_errno(-status, "removing " + printable(path));
  }
  return {};
}

Status LocalStore::settle_name(const ObjectName& name) {
  HF_TRY(env_.sync_directory(directory_of(name)));
  if (name.kind == ObjectKind::config) return {};
  const bool pack = name.kind == ObjectKind::pack;
  std::atomic<bool>& durable = pack ? folder_durable_[HF_TRY(from_hex(name.name.substr(0, 2))).at(0)] : kind_durable_[static_cast<std::size_t>(name.kind)];
  if (durable) return {};
  HF_TRY(env_.sync_directory(pack ? root_ + "/" + std::string(folder_of(ObjectKind::pack)) : root_));
  durable = true;
  return {};
}

Status LocalStore::settle(std::span<const ObjectName> names) {
  std::map<std::string, const ObjectName*> directories;
  for (const ObjectName& name : names) directories.emplace(directory_of(name), &name);
  for (const auto& entry : directories) HF_TRY(settle_name(*entry.second).context([&] { return "making " + entry.second->text() + " durable"; }));
  return {};
}

Result<std::unique_ptr<ObjectReader>> LocalStore::open(const ObjectName& name) {
  const std::string path = path_of(name);
  auto file = env_.open(path, O_RDONLY | O_NOFOLLOW);
  if (!file) return std::move(file.error()).with_object(name.text());
  const Stat s = HF_TRY(env_.stat(file->get(), ""));
  if (s.type != FileType::regular) return Error(Code::corrupt, name.text() + " is not a regular file").with_object(name.text());
  return std::unique_ptr<ObjectReader>(std::make_unique<LocalReader>(env_, std::move(*file), s.size, name.text()));
}

Status LocalStore::list_folder(const std::string& path, const std::function<void(std::string_view, std::uint64_t)>& visit) {
  auto directory = env_.open(path, O_RDONLY | O_DIRECTORY);
  if (!directory && directory.error().code == Code::not_found) return {};
  if (!directory) return std::move(directory.error());
  std::vector<std::string> names;
  int status;
  do status = env_.sys_list(directory->get(), [&](const DirEntry& e) {
      if (std::all_of(e.name.begin(), e.name.end(), is_hex)) names.emplace_back(e.name);
    });
  while (status == -EINTR);
  if (status < 0) return Error::from_errno(-status, "listing " + path);
  for (const std::string& name : names) {
    const auto s = env_.stat(directory->get(), name.c_str());
    if (s && s->type == FileType::regular) visit(name, s->size);
    else if (!s && s.error().code != Code::not_found) return s.error();  // one removed meanwhile is no error
  }
  return {};
}

Status LocalStore::list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) {
  if (kind == ObjectKind::config) {
    const auto s = env_.stat(path_of(config_name()));
    if (s) visit(kConfigName, s->size);
    else if (s.error().code != Code::not_found) return s.error();
    return {};
  }
  const std::string folder = root_ + "/" + std::string(folder_of(kind));
  if (kind != ObjectKind::pack) return list_folder(folder, visit);
  for (int i = 0; i < 256; ++i) {
    const auto byte = static_cast<std::uint8_t>(i);
    HF_TRY(list_folder(folder + "/" + to_hex({&byte, 1}), visit));
  }
  return {};
}

Status LocalStore::remove(const ObjectName& name) {
  const std::string path = path_of(name);
  int status;
  do status = env_.sys_unlinkat(Env::kCwd, path.c_str(), false);
  while (status == -EINTR);
  if (status < 0 && status != -ENOENT) return Error::from_errno(-status, "removing " + name.text());
  return {};
}

Error no_vault(Code code, const std::string& directory, const std::string& why) {
  return Error(code, "there is no vault in " + printable(directory) + ": " + why, "give the vault's directory with --vault, or make one: holdfast init --vault DIR");
}

/// The folders of a vault (or of some kinds), durable together with the vault's own directory: also what an earlier program
/// made and did not live to sync.
Status make_folders(Env& env, const std::string& directory, std::span<const ObjectKind> kinds) {
  for (ObjectKind kind : kinds)
    if (kind != ObjectKind::config) HF_TRY(env.make_directories(directory + "/" + std::string(folder_of(kind))));
  HF_TRY(env.make_directories(directory + "/tmp"));
  HF_TRY(env.sync_directory(directory));
  // The way to it as well; how far up that can be done is not ours to say.
  std::string at = directory;
  for (bool nearest = true; at != "/" && at != "."; nearest = false) {
    const std::size_t slash = at.rfind('/');
    at = slash == std::string::npos ? "." : slash == 0 ? "/" : at.substr(0, slash);
    const auto synced = env.sync_directory(at);
    const bool forbidden = !synced && (synced.error().code == Code::permission || synced.error().os_error == EINVAL);
    if (!synced && nearest && !forbidden) return synced.error();
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> create_local_store(Env& env, const std::string& directory) {
  HF_TRY(env.make_directories(directory).context([&] { return "making " + directory; }));
  const auto names = HF_TRY(env.list_names(directory));
  for (const std::string& name : names) {
    // What an interrupted init left is no obstacle; anything else is someone's.
    const bool ours = name == "tmp" || std::any_of(std::begin(kObjectKinds), std::end(kObjectKinds), [&](ObjectKind k) { return name == folder_of(k); });
    if (name == kConfigName) return Error(Code::already_exists, "there is a vault in " + printable(directory) + " already", "choose another directory, or use this vault as it is");
    if (!ours) return Error(Code::already_exists, printable(directory) + " is not empty", "choose an empty or a new directory for the vault");
  }
  HF_TRY(make_folders(env, directory));
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(env, directory));
}

Result<std::unique_ptr<ObjectStore>> open_local_store(Env& env, const std::string& directory) {
  const auto s = env.stat(directory, true);
  if (!s) return s.error().code == Code::not_found ? no_vault(Code::not_found, directory, "the directory does not exist") : s.error();
  if (s->type != FileType::directory) return no_vault(Code::not_a_vault, directory, "it is not a directory");
  const auto config = env.stat(directory + "/" + std::string(kConfigName));
  if (!config && config.error().code != Code::not_found) return config.error();
  if (!config && env.stat(directory + "/packs", true))
    return no_vault(Code::not_a_vault, directory, "the file 'holdfast-vault' is missing").with_hint("if it was a vault, bring the file back from its packs: holdfast rebuild --vault DIR");
  if (!config) return no_vault(Code::not_a_vault, directory, "the file 'holdfast-vault' is missing");
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(env, directory));
}

Result<std::unique_ptr<ObjectStore>> adopt_local_store(Env& env, const std::string& directory) {
  const auto s = env.stat(directory, true);
  if (!s) return s.error().code == Code::not_found ? no_vault(Code::not_found, directory, "the directory does not exist") : s.error();
  if (s->type != FileType::directory) return no_vault(Code::not_a_vault, directory, "it is not a directory");
  const auto config = env.stat(directory + "/" + std::string(kConfigName)), packs = env.stat(directory + "/packs", true);
  for (const auto* found : {&config, &packs})
    if (!*found && found->error().code != Code::not_found) return found->error();  // not read is not absent
  if (!config && (!packs || packs->type != FileType::directory)) return no_vault(Code::not_a_vault, directory, "it has neither the file 'holdfast-vault' nor a folder 'packs'");
  HF_TRY(make_folders(env, directory));
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(env, directory));
}

// --- a place beside a vault ---

Result<std::unique_ptr<ObjectStore>> create_local_place(Env& env, const std::string& directory) {
  constexpr ObjectKind kKinds[] = {ObjectKind::parity};
  HF_TRY(env.make_directories(directory).context([&] { return "making " + directory; }));
  for (const std::string& name : HF_TRY(env.list_names(directory)))
    if (name != "tmp" && name != folder_of(ObjectKind::parity) && name != "lost+found")
      return Error(Code::already_exists, printable(directory) + " is not empty", "choose an empty or a new directory for the stripes, for example " + printable(directory) + "/stripes");
  HF_TRY(make_folders(env, directory, kKinds));
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(env, directory));
}

Result<std::unique_ptr<ObjectStore>> open_local_place(Env& env, const std::string& directory) {
  for (const std::string& folder : {std::string(folder_of(ObjectKind::parity)), std::string("tmp")}) {
    const auto s = env.stat(directory + "/" + folder, true);
    if (!s && s.error().code != Code::not_found) return s.error();
    if (!s || s->type != FileType::directory)
      return Error(Code::not_found, "there are no stripes in " + printable(directory) + ": it has no folder '" + folder + "'", "is the disk connected? Another directory: --stripes DIR");
  }
  return std::unique_ptr<ObjectStore>(std::make_unique<LocalStore>(env, directory));
}

}  // namespace hf
