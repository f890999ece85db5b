#include "file_list.h"

#include <gtest/gtest.h>

#include "file_arguments.h"
#include "file_listing.h"

namespace ticklake::engine {
namespace {

std::vector<ListedFile> some(int64_t from, int64_t count) {
  std::vector<ListedFile> out;
  for (int64_t i = from; i < from + count; ++i) {
    out.push_back({"in/file \"" + std::to_string(i) + "\".csv", i, 1'000 + i, i % 7 == 0});
  }
  return out;
}

TEST(FileList, KeepsItsFilesAndNumbersHoweverItIsMerged) {
  io::MemoryFiles files;
  int64_t count = 0;
  for (int64_t part = 0; part < 200; ++part) {
    auto list = FileList::open(files, "list");
    ASSERT_TRUE(list) << list.error().message;
    ASSERT_EQ(list->size(), count);
    ASSERT_TRUE(list->append(some(count, part % 5 + 1)));
    count += part % 5 + 1;
  }
  auto list = FileList::open(files, "list");
  ASSERT_TRUE(list);
  ASSERT_EQ(list->size(), count);
  int64_t bytes = 0;
  for (int64_t i = count - 1; i >= 0; --i) {
    EXPECT_EQ(list->at(i).size, i);
    EXPECT_EQ(list->at(i).passed, i % 7 == 0);
    EXPECT_EQ(list->find(list->at(i).path), i);
    bytes += i % 7 == 0 ? 0 : i;
    EXPECT_EQ(list->bytes_from(i), bytes);
  }
  EXPECT_FALSE(list->find("in/other.csv"));
  auto parts = files.list("list", "");
  ASSERT_TRUE(parts);
  EXPECT_LT(parts->size(), 70u) << "parts are merged";
}

TEST(FileList, SurvivesAnEndBetweenAnyTwoOperations) {
  for (int64_t end_after = 1; end_after < 60; ++end_after) {
    int64_t operations = 0;
    io::MemoryFiles files([&](std::string_view what, const io::Path&) {
      bool changes = what == "put" || what == "put_if_absent" || what == "remove";
      bool ends = changes && ++operations == end_after + 31;  // within the first merge
      return ends ? std::optional(io::MemoryFiles::Fault{{Code::Unavailable, "gone"}})
                  : std::nullopt;
    });
    int64_t count = 0;
    while (count < 40) {
      auto list = FileList::open(files, "list");
      ASSERT_TRUE(list) << list.error().message;
      ASSERT_GE(list->size(), count) << "what was stored stays";
      count = list->size();
      if (count >= 40) break;
      auto added = list->append(some(count, 1));
      if (added) ++count;
    }
    auto list = FileList::open(files, "list");
    ASSERT_TRUE(list);
    for (int64_t i = 0; i < list->size(); ++i) EXPECT_EQ(list->at(i).size, i);
  }
}

TEST(FileList, SaysWhatIsMissing) {
  io::MemoryFiles files;
  auto list = FileList::open(files, "list");
  ASSERT_TRUE(list && list->append(some(0, 2)) && list->append(some(2, 2)));
  auto parts = files.list("list", "");
  ASSERT_TRUE(parts && files.remove(parts->front().path));
  auto gap = FileList::open(files, "list");
  ASSERT_FALSE(gap);
  EXPECT_EQ(gap.error().code, Code::Corrupt);
  EXPECT_NE(gap.error().message.find("--full-refresh"), std::string::npos);
}

TEST(FileListing, MatchesPatterns) {
  EXPECT_TRUE(matches_pattern("a.csv", "*.csv"));
  EXPECT_TRUE(matches_pattern("a.csv", "?.c[r-t][^x]"));
  EXPECT_FALSE(matches_pattern("a.csv", "?.c[r-t][^v]"));
  EXPECT_FALSE(matches_pattern("a.csv", "b*"));
  EXPECT_TRUE(matches_pattern("aXbXc", "a*b*c"));
  EXPECT_TRUE(matches_pattern("", "**"));
  EXPECT_EQ(without_braces("/a/{b,c{d,e}}/f"),
            (std::vector<std::string>{"/a/b/f", "/a/cd/f", "/a/ce/f"}));
}

std::vector<std::string> found(io::FileStore& files, Arguments arguments) {
  arguments.emplace("format", "text");
  auto parsed = file_arguments(arguments, "/p");
  if (!parsed) return {parsed.error().message};
  auto all = all_files(files, *parsed);
  if (!all) return {all.error().message};
  std::vector<std::string> out;
  for (const auto& file : *all) out.push_back(file.path);
  return out;
}

TEST(FileListing, FindsWhatThePathMeans) {
  io::MemoryFiles files;
  for (const char* path :
       {"/p/in/b.csv", "/p/in/a.csv", "/p/in/x/c.csv", "/p/in/x=1/_y=2/d.json", "/p/in/_log/e.csv",
        "/p/in/.f.csv", "/p/in/g.csv._COPYING_", "/p/other/a.csv"}) {
    ASSERT_TRUE(files.put(path, "x"));
  }
  using Names = std::vector<std::string>;
  EXPECT_EQ(found(files, {{"path", "in"}}),
            (Names{"/p/in/b.csv", "/p/in/a.csv", "/p/in/x/c.csv", "/p/in/x=1/_y=2/d.json"}));
  EXPECT_EQ(found(files, {{"path", "./x/../in"}, {"recursiveFileLookup", "false"}}),
            (Names{"/p/in/b.csv", "/p/in/a.csv"}));
  EXPECT_EQ(found(files, {{"path", "file:///p/in/a.csv"}}), (Names{"/p/in/a.csv"}));
  EXPECT_EQ(found(files, {{"path", "{in,other}/a*"}}), (Names{"/p/in/a.csv", "/p/other/a.csv"}));
  EXPECT_EQ(found(files, {{"path", "*/x*"}}), (Names{"/p/in/x/c.csv", "/p/in/x=1/_y=2/d.json"}));
  EXPECT_EQ(found(files, {{"path", "in"}, {"pathGlobFilter", "*.{json,xml}"}}),
            (Names{"/p/in/x=1/_y=2/d.json"}));
  EXPECT_EQ(found(files, {{"path", "in"}, {"modifiedAfter", "2026-01-01"}}), Names{});
  EXPECT_NE(found(files, {{"path", "inn"}})[0].find("there is no file or directory /p/inn"),
            std::string::npos);
}

TEST(FileListing, ReadsPartitionsFromPaths) {
  EXPECT_EQ(partition_names("/in/a=1/b%20c=x%2Fy/f.csv"), (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(partition_value("/in/a=1/b%20c=x%2Fy/f.csv", "b c"), "x/y");
  EXPECT_FALSE(partition_value("/in/a=__HIVE_DEFAULT_PARTITION__/f.csv", "a"));
}

}  // namespace
}  // namespace ticklake::engine
