#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "point/dump.hpp"
#include "point/restore_world.hpp"

namespace hf {
namespace {

namespace fs = std::filesystem;
struct Restore : RestoreWorld {};

TEST_F(Restore, everything_comes_back_with_all_that_it_is) {
  file("a/small", "hello", 0640);
  file("a/large", noise(5'000'000, 1), 0600);
  file("a/b/empty", "", 0444);
  file("a/b/setuid", "s", 04755);
  symlink("a/link", "../somewhere/else");
  dir("a/b").stat.mode = 0500;
  dir("a").stat.mtime = 5;
  at("a/pipe").entry = make(FileType::fifo, 0620);
  const auto report = restored(commit());
  EXPECT_EQ(report.created, 6u);
  EXPECT_EQ(report.directories_made, 2u);
  EXPECT_TRUE(report.proven());
  EXPECT_EQ(report.bytes, 5'000'006u);
  EXPECT_TRUE(report.undo_area.empty());
  EXPECT_EQ(read("a/small"), "hello");
  EXPECT_EQ(read("a/large"), noise(5'000'000, 1));
  EXPECT_EQ(stat_of("a/small").mode, 0640u);
  EXPECT_EQ(stat_of("a/b/empty").mode, 0444u);
  EXPECT_EQ(stat_of("a/b/setuid").mode, 04755u);
  EXPECT_EQ(stat_of("a/b").mode, 0500u);
  EXPECT_EQ(stat_of("a").mtime, 5);
  EXPECT_EQ(stat_of("a/large").mtime, kThen);
  EXPECT_EQ(fs::read_symlink(there("a/link")), "../somewhere/else");
  EXPECT_EQ(stat_of("a/link").mtime, kThen);
  EXPECT_EQ(stat_of("a/pipe").type, FileType::fifo);
  EXPECT_EQ(stat_of("a/pipe").mode, 0620u);
  EXPECT_EQ(stat_of("").mtime, kThen);  // the target itself was made by the restore
}

TEST_F(Restore, one_job_makes_the_same_as_many) {
  for (int i = 0; i < 300; ++i) file("d" + std::to_string(i % 7) + "/f" + std::to_string(i), noise(static_cast<std::size_t>(i) * 100, static_cast<std::uint64_t>(i)));
  const RecoveryPoint p = commit();
  jobs = 1;
  EXPECT_EQ(restored(p).created, 300u);
  jobs = 4;
  EXPECT_EQ(restored(p).left, 300u);  // nothing differs
  EXPECT_EQ(read("d6/f6"), noise(600, 6));
}

TEST_F(Restore, what_lies_in_many_places_is_written_to_all) {
  for (int i = 0; i < 50; ++i) file("copy" + std::to_string(i), noise(200'000, 9));
  const auto report = restored(commit());
  EXPECT_EQ(report.created, 50u);
  EXPECT_LT(report.bytes_fetched, 300'000u);
  EXPECT_EQ(read("copy49"), noise(200'000, 9));
}

TEST_F(Restore, holes_come_back_as_holes) {
  Branch& b = at("sparse");
  b.entry = make(FileType::regular, 0644);
  b.entry.stat.size = 64u << 20;
  b.entry.content.holes = {{0, 10u << 20}, {(10u << 20) + 4096, (54u << 20) - 4096}};
  b.entry.content.refs.push_back(store(as_bytes(std::string(4096, 'x'))));
  Branch& h = at("only_hole");
  h.entry = make(FileType::regular, 0644);
  h.entry.stat.size = 1u << 20;
  h.entry.content.holes = {{0, 1u << 20}};
  restored(commit());
  EXPECT_EQ(stat_of("sparse").size, 64u << 20);
  EXPECT_LE(stat_of("sparse").blocks, 64u);
  EXPECT_EQ(read("sparse").substr(10u << 20, 4097), std::string(4096, 'x') + '\0');
  EXPECT_EQ(stat_of("only_hole").size, 1u << 20);
  EXPECT_EQ(stat_of("only_hole").blocks, 0u);
}

TEST_F(Restore, hard_links_are_linked_and_a_part_without_the_first_still_has_the_content) {
  for (const char* name : {"a/first", "b/second", "b/third"}) {
    Entry& e = file(name, "same");
    e.stat.nlink = 3;
    e.stat.dev = 7;
    e.stat.ino = 42;
  }
  Entry& liar = file("b/zz_liar", "other");  // says that it is the same file, and is not
  liar.stat.nlink = 4;
  liar.stat.dev = 7;
  liar.stat.ino = 42;
  const RecoveryPoint p = commit();
  restored(p);
  EXPECT_EQ(stat_of("a/first").nlink, 3u);
  EXPECT_EQ(stat_of("a/first").ino, stat_of("b/third").ino);
  EXPECT_EQ(read("b/zz_liar"), "other");
  target += "2";
  RestoreOptions o = into_target();
  o.paths = {"b"};
  restored(p, o);
  EXPECT_EQ(read("b/second"), "same");
  EXPECT_EQ(stat_of("b/second").ino, stat_of("b/third").ino);
  EXPECT_FALSE(exists("a"));
}

TEST_F(Restore, selections_by_path_and_by_glob) {
  file("docs/tax/2024.pdf", "1");
  file("docs/tax/notes.txt", "2");
  file("docs/other/x.pdf", "3");
  file("music/song", "4");
  const RecoveryPoint p = commit();
  RestoreOptions o = into_target();
  o.paths = {"docs/tax"};
  EXPECT_EQ(restored(p, o).created, 2u);
  target += "2";
  o = into_target();
  o.include = {"*.pdf"};
  EXPECT_EQ(restored(p, o).created, 2u);
  EXPECT_FALSE(exists("music"));
  target += "3";
  o = into_target();
  o.paths = {base + "/source/docs"};  // as it was on the source
  o.exclude = {"docs/*/*.txt"};
  EXPECT_EQ(restored(p, o).created, 2u);
  o.paths = {"docs/nothing"};
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::not_found);
}

// --- what is there already ---

TEST_F(Restore, the_default_never_destroys_a_newer_file) {
  file("newer", "from the point");
  file("older", "from the point");
  file("same", "identical");
  file("touched", "only the time differs");
  write("newer", "written since the backup", kThen + 1);
  write("older", "was here before the backup", kThen - 1);
  write("same", "identical", kThen);
  write("touched", "only the time differs", kThen + 5);
  const RecoveryPoint p = commit();
  const auto report = restored(p);
  EXPECT_EQ(read("newer"), "written since the backup");
  EXPECT_EQ(read("older"), "from the point");
  EXPECT_EQ(report.conflicts, 1u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(report.left, 1u);
  EXPECT_EQ(report.updated, 1u);
  EXPECT_EQ(stat_of("touched").mtime, kThen);
  ASSERT_EQ(report.conflicts_listed.size(), 1u);
  EXPECT_EQ(report.conflicts_listed[0].path, "newer");
  RestoreOptions o = into_target();
  o.overwrite = Overwrite::always;
  EXPECT_EQ(restored(p, o).replaced, 1u);
  EXPECT_EQ(read("newer"), "from the point");
}

TEST_F(Restore, never_only_makes_what_is_absent) {
  file("there", "from the point");
  file("absent", "from the point");
  write("there", "old", kThen - 1);
  RestoreOptions o = into_target();
  o.overwrite = Overwrite::never;
  restored(commit(), o);
  EXPECT_EQ(read("there"), "old");
  EXPECT_EQ(read("absent"), "from the point");
}

TEST_F(Restore, what_an_old_file_has_is_not_fetched) {
  const std::string then = noise(8'000'000, 3);
  file("image", then);
  std::string now = then;
  now[3'000'000] = static_cast<char>(now[3'000'000] + 1);
  write("image", now, kThen - 1);
  const auto report = restored(commit());
  EXPECT_EQ(read("image"), then);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(report.bytes, 8'000'000u);
  EXPECT_EQ(report.bytes_kept, 8'000'000u - 65'536u);
}

TEST_F(Restore, compare_finds_what_size_and_time_hide) {
  file("sly", "abc");
  write("sly", "abd", kThen);
  const RecoveryPoint p = commit();
  EXPECT_EQ(restored(p).left, 1u);
  EXPECT_EQ(read("sly"), "abd");
  RestoreOptions o = into_target();
  o.compare = true;
  EXPECT_EQ(restored(p, o).replaced, 1u);
  EXPECT_EQ(read("sly"), "abc");
}

TEST_F(Restore, modes_of_unchanged_files_come_back_too) {
  file("f", "x", 0640);
  const RecoveryPoint p = commit();
  restored(p);
  ASSERT_EQ(::chmod(there("f").c_str(), 0777), 0);
  const auto report = restored(p);
  EXPECT_EQ(report.updated, 1u);
  EXPECT_EQ(stat_of("f").mode, 0640u);
  ASSERT_FALSE(report.undo_area.empty());
  ASSERT_TRUE(undo_restore(*env, target));
  EXPECT_EQ(stat_of("f").mode, 0777u);
}

TEST_F(Restore, undo_puts_back_what_was_replaced_and_takes_away_what_was_made) {
  file("replaced", "new");
  file("made/inside", "new");
  symlink("was_file", "there");
  file("was_dir", "now a file");
  write("replaced", "old content", kThen - 5);
  write("was_file", "a file", kThen - 5);
  write("was_dir/deep/x", "kept", kThen - 5);
  write("extra/y", "not in the point", kThen - 5);
  RestoreOptions o = into_target();
  o.overwrite = Overwrite::always;
  o.delete_extra = true;
  const RecoveryPoint p = commit();
  const std::int64_t root_before = stat_of("").mtime;
  const auto report = restored(p, o);
  EXPECT_EQ(report.deleted, 1u);
  EXPECT_EQ(report.replaced, 3u);
  EXPECT_EQ(read("replaced"), "new");
  EXPECT_FALSE(exists("extra"));
  EXPECT_EQ(read("was_dir"), "now a file");
  ASSERT_FALSE(report.undo_area.empty());
  const auto undone = undo_restore(*env, target + "/" + report.undo_area);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(stat_of("").mtime, root_before);
  EXPECT_EQ(undone->kept_count, 0u);
  EXPECT_EQ(read("replaced"), "old content");
  EXPECT_EQ(read("was_file"), "a file");
  EXPECT_EQ(read("was_dir/deep/x"), "kept");
  EXPECT_EQ(read("extra/y"), "not in the point");
  EXPECT_FALSE(exists("made"));
  EXPECT_FALSE(exists(report.undo_area));
}

TEST_F(Restore, undo_leaves_what_was_changed_since) {
  file("f", "new");
  write("f", "old", kThen - 5);
  const auto report = restored(commit());
  write("f", "written after the restore", kThen + 100);
  const auto undone = *undo_restore(*env, target);
  EXPECT_EQ(undone.kept_count, 1u);
  EXPECT_EQ(read("f"), "written after the restore");
  EXPECT_EQ(read(report.undo_area + "/files/f"), "old");
}

TEST_F(Restore, delete_stays_below_what_was_restored_and_never_takes_the_vault) {
  file("a/x", "1");
  file("b/y", "2");
  RecoveryPoint p = commit();
  write("a/extra", "?", 5);
  write("b/extra", "?", 5);
  write(".holdfast-undo-20200101T000000Z/journal", "?", 5);
  RestoreOptions o = into_target();
  o.delete_extra = true;
  o.paths = {"a"};
  EXPECT_EQ(restored(p, o).deleted, 1u);
  EXPECT_FALSE(exists("a/extra"));
  EXPECT_TRUE(exists("b/extra"));
  fs::rename(base + "/vault", there("vault"));
  o.paths = {};
  o.untouchable = {there("vault")};
  const auto plan = *plan_restore(*env, *chunks, p, o, progress, problems);
  EXPECT_EQ(plan.remove, 1u);
  EXPECT_TRUE(exists("b/extra"));
  fs::rename(there("vault"), base + "/vault");
  fs::create_directories(there("deep"));
  fs::rename(base + "/vault", there("deep/vault"));
  o.untouchable = {there("deep/vault")};
  fs::create_directory_symlink(there("deep/vault"), base + "/vault");  // so that the store finds it
  restored(p, o);
  EXPECT_TRUE(exists("deep/vault/holdfast-vault"));
  EXPECT_FALSE(exists("b/extra"));
  EXPECT_TRUE(exists(".holdfast-undo-20200101T000000Z"));
}

TEST_F(Restore, delete_refuses_nonsense) {
  file("a", "1");
  RecoveryPoint p = commit();
  write("unrelated", "all of somebody's work", 5);
  RestoreOptions o = into_target();
  o.delete_extra = true;
  o.overwrite = Overwrite::never;
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::usage);
  o.overwrite = Overwrite::if_changed;
  o.include = {"*.c"};
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::usage);
  o.include = {};
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::refused);
  EXPECT_EQ(read("unrelated"), "all of somebody's work");
  p.root.below_files = 0;
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::refused);
}

TEST_F(Restore, a_plan_counts_and_writes_nothing) {
  file("new", noise(100'000, 1));
  file("old", "y");
  file("same", "z");
  write("old", "x", kThen - 1);
  write("same", "z", kThen);
  const RecoveryPoint p = commit();
  ASSERT_EQ(::chmod(there("same").c_str(), 0644), 0);
  const auto before = fs::last_write_time(target);
  const auto plan = *plan_restore(*env, *chunks, p, into_target(), progress, problems);
  EXPECT_EQ(plan.create, 1u);
  EXPECT_EQ(plan.replace, 1u);
  EXPECT_EQ(plan.leave, 1u);
  EXPECT_EQ(plan.bytes, 100'001u);
  EXPECT_EQ(plan.packs, 1u);
  EXPECT_GT(plan.seconds, 0.0);
  EXPECT_FALSE(plan.rests_on.empty());
  EXPECT_FALSE(exists("new"));
  EXPECT_EQ(fs::last_write_time(target), before);
  target += "/nowhere/yet";
  EXPECT_EQ(plan_restore(*env, *chunks, p, into_target(), progress, problems)->create, 3u);
  EXPECT_FALSE(exists(""));
}

TEST_F(Restore, prove_reads_everything_and_writes_nothing) {
  file("a/x", noise(3'000'000, 1));
  file("y", "2");
  symlink("l", "y");
  const RecoveryPoint p = commit();
  const auto report = *prove(*env, *chunks, p, into_target(), progress, problems);
  EXPECT_TRUE(report.proven());
  EXPECT_EQ(report.files, 3u);
  EXPECT_EQ(report.bytes, 3'000'001u);
  EXPECT_FALSE(exists(""));
}

TEST_F(Restore, verify_reads_back_what_was_written) {
  file("a/x", noise(3'000'000, 1));
  file("y", "2");
  RestoreOptions o = into_target();
  o.verify = true;
  const auto report = restored(commit(), o);
  EXPECT_TRUE(report.verified);
  EXPECT_TRUE(report.proven());
}

TEST_F(Restore, leftovers_of_an_interrupted_run_are_cleared_and_its_work_is_used) {
  file("a", "content");
  file("d/b", "more");
  write("a", "", kThen + 1'000'000);  // made, but the run died before it was filled
  write("d/.holdfast-tmp-0123456789abcdef", "half a file", 5);
  const auto report = restored(commit());
  EXPECT_EQ(read("a"), "content");
  EXPECT_EQ(read("d/b"), "more");
  EXPECT_FALSE(exists("d/.holdfast-tmp-0123456789abcdef"));
  EXPECT_EQ(report.conflicts, 0u);
}

TEST_F(Restore, what_kill_9_cut_short_is_no_newer_file) {
  file("whole", "all of it");
  file("torn", "all of it");
  const RecoveryPoint p = commit();
  progress.stop_requested = true;
  EXPECT_FALSE(restore(*env, *chunks, p, into_target(), progress, problems));  // leaves its marker
  progress.stop_requested = false;
  std::ofstream(there("torn"), std::ios::binary) << "all";  // its time is now
  const auto report = restored(p);
  EXPECT_EQ(report.conflicts, 0u);
  EXPECT_EQ(report.replaced, 1u);
  EXPECT_EQ(read("torn"), "all of it");
}

TEST_F(Restore, what_kill_9_cut_short_is_no_newer_file_for_a_later_run_either) {
  file("torn", "all of it");
  const RecoveryPoint p = commit();
  progress.stop_requested = true;
  EXPECT_FALSE(restore(*env, *chunks, p, into_target(), progress, problems));
  std::ofstream(there("torn"), std::ios::binary) << "all";
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the clock of the file system has moved on
  EXPECT_FALSE(restore(*env, *chunks, p, into_target(), progress, problems));  // dies before it comes to the file
  progress.stop_requested = false;
  const auto report = restored(p);
  EXPECT_EQ(report.conflicts, 0u);
  EXPECT_EQ(read("torn"), "all of it");
}

TEST_F(Restore, a_run_with_nothing_to_do_changes_nothing) {
  file("d/f", "x");
  const RecoveryPoint p = commit();
  restored(p);
  const Stat before = stat_of("");
  const auto report = restored(p);
  EXPECT_EQ(report.left, 1u);
  EXPECT_TRUE(report.undo_area.empty());
  EXPECT_EQ(stat_of("").mtime, before.mtime);
  EXPECT_EQ(std::distance(fs::directory_iterator(target), fs::directory_iterator()), 1);
}

TEST_F(Restore, a_stop_request_ends_it_and_the_next_run_goes_on) {
  for (int i = 0; i < 100; ++i) file("f" + std::to_string(i), noise(1000, static_cast<std::uint64_t>(i)));
  const RecoveryPoint p = commit();
  progress.stop_requested = true;
  const auto stopped = restore(*env, *chunks, p, into_target(), progress, problems);
  EXPECT_EQ(stopped.error().code, Code::cancelled);
  EXPECT_FALSE(stopped.error().hint.empty());
  progress.stop_requested = false;
  EXPECT_TRUE(exists(".holdfast-restore-unfinished"));
  const auto report = restored(p);
  EXPECT_TRUE(report.proven());
  EXPECT_TRUE(report.undo_area.empty());  // all that is there is the restore's own
  EXPECT_EQ(stat_of("").mtime, kThen);
  EXPECT_EQ(read("f99"), noise(1000, 99));
  EXPECT_FALSE(exists(".holdfast-restore-unfinished"));
}

TEST_F(Restore, paths_longer_than_path_max) {
  // 30 directories of 200 bytes: no call could take such a path.
  std::string path;
  for (int i = 0; i < 30; ++i) path += std::string(200, static_cast<char>('a' + i % 26)) + "/";
  file(path + "deep", "down here");
  const RecoveryPoint p = commit();
  EXPECT_EQ(restored(p).created, 1u);
  Fd at = *env->open(target, O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 30; ++i) at = *env->open(at.get(), std::string(200, static_cast<char>('a' + i % 26)).c_str(), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(env->stat(at.get(), "deep")->size, 9u);
  EXPECT_EQ(restored(p).left, 1u);
}

TEST_F(Restore, any_bytes_in_names) {
  const std::string odd = "\xff\xfe line\nbreak \x01";
  file(odd + "/" + std::string(255, '\xe9'), "x");
  EXPECT_EQ(restored(commit()).created, 1u);
  EXPECT_EQ(read(odd + "/" + std::string(255, '\xe9')), "x");
}

TEST_F(Restore, attributes_come_back_and_what_cannot_be_set_is_counted) {
  Entry& e = file("f", "x", 0400);
  e.xattrs = {{"user.color", {'r', 'e', 'd'}}, {"nosuch.namespace", {'1'}}};
  const auto report = restored(commit());
  char value[16];
  const ssize_t n = ::getxattr(there("f").c_str(), "user.color", value, sizeof value);
  if (n >= 0) {
    EXPECT_EQ(std::string(value, static_cast<std::size_t>(n)), "red");
  }
  ASSERT_GE(report.not_set.size(), 1u);
  EXPECT_EQ(report.not_set[0].example, "f");
  EXPECT_EQ(stat_of("f").mode, 0400u);
  EXPECT_TRUE(report.proven());
}

TEST_F(Restore, dump_gives_the_bytes_in_order_with_zeros_for_holes) {
  file("big", noise(6'000'000, 4));
  Branch& b = at("sparse");
  b.entry = make(FileType::regular, 0644);
  b.entry.stat.size = 10'003;
  b.entry.content.holes = {{0, 5000}, {5003, 5000}};
  b.entry.content.refs.push_back(store(as_bytes("abc")));
  const RecoveryPoint p = commit();
  for (const auto& [path, expected] : {std::pair{"big", noise(6'000'000, 4)}, std::pair{"sparse", std::string(5000, '\0') + "abc" + std::string(5000, '\0')}}) {
    std::string got;
    const Entry found = *find_path(*chunks, p.root, path);
    ASSERT_TRUE(dump_file(*chunks, found, 3, progress, [&](ByteView bytes) {
      got += as_text(bytes);
      return Status();
    }));
    EXPECT_TRUE(got == expected) << path;
  }
}

}  // namespace
}  // namespace hf
