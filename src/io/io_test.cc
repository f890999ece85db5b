#include <arrow/io/interfaces.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "io/clock.h"
#include "io/files.h"
#include "io/http.h"

namespace ticklake::io {
namespace {

// The promises of FileStore hold for both implementations.
class FilesTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      char name[] = "/tmp/ticklake-io-XXXXXX";
      root_ = ::mkdtemp(name);
      files_ = make_local_files();
    } else {
      root_ = "memory";
      files_ = std::make_unique<MemoryFiles>();
    }
  }
  void TearDown() override {
    if (GetParam()) std::filesystem::remove_all(root_);
  }
  Path at(std::string_view name) const { return join(root_, name); }

  Path root_;
  std::unique_ptr<FileStore> files_;
};

TEST_P(FilesTest, PutReplacesAndPutIfAbsentDoesNot) {
  ASSERT_TRUE(files_->put(at("a/b/c"), "one"));
  ASSERT_TRUE(files_->put(at("a/b/c"), "two"));
  EXPECT_EQ(*files_->read(at("a/b/c")), "two");
  auto second = files_->put_if_absent(at("a/b/c"), "three");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::Conflict);
  EXPECT_EQ(*files_->read(at("a/b/c")), "two");
}

TEST_P(FilesTest, OfRacingWritersOneWins) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> winners = 0;
    std::vector<std::thread> writers;
    for (int i = 0; i < 8; ++i) {
      writers.emplace_back([&, i] {
        if (files_->put_if_absent(at(std::to_string(round)), std::to_string(i))) ++winners;
      });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(winners, 1);
  }
}

TEST_P(FilesTest, MissingFilesAreNotFound) {
  EXPECT_EQ(files_->read(at("x")).error().code, Code::NotFound);
  EXPECT_EQ(files_->open(at("x")).error().code, Code::NotFound);
  EXPECT_EQ(files_->info(at("x")).error().code, Code::NotFound);
  EXPECT_TRUE(files_->remove(at("x")));
  EXPECT_TRUE(files_->list(at("none"))->empty());
}

TEST_P(FilesTest, ListsInOrderFromAName) {
  for (std::string_view name : {"log/2", "log/1", "log/3", "log/deep/4"})
    ASSERT_TRUE(files_->put(at(name), "x"));
  auto listed = files_->list(at("log"), "2");
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_EQ((*listed)[0].path, at("log/2"));
  EXPECT_EQ(files_->list_all(at("log"))->size(), 4u);
  EXPECT_EQ(*files_->list_directories(at("log")), std::vector<std::string>{"deep"});
}

TEST_P(FilesTest, AFileBeingWrittenHasNoNameYet) {
  {
    auto out = files_->create(at("dropped"));
    ASSERT_TRUE(out);
    ASSERT_TRUE((*out)->Write("abc", 3).ok());
  }
  EXPECT_FALSE(files_->read(at("dropped")));
  auto out = files_->create(at("kept"));
  ASSERT_TRUE((*out)->Write("abc", 3).ok());
  EXPECT_FALSE(files_->read(at("kept")));
  EXPECT_TRUE(files_->list_all(root_)->empty());
  ASSERT_TRUE((*out)->Close().ok());
  EXPECT_EQ(*files_->read(at("kept")), "abc");
}

INSTANTIATE_TEST_SUITE_P(Both, FilesTest, testing::Bool(),
                         [](const auto& test) { return test.param ? "local" : "memory"; });

TEST(MemoryFilesTest, ALostReplyLeavesTheEffect) {
  MemoryFiles files(
      [](std::string_view operation, const Path&) -> std::optional<MemoryFiles::Fault> {
        if (operation == "put_if_absent")
          return MemoryFiles::Fault{{Code::Unavailable, "lost"}, true};
        return std::nullopt;
      });
  EXPECT_FALSE(files.put_if_absent("a", "x"));
  EXPECT_EQ(*files.read("a"), "x");
}

TEST(LocalFilesTest, ErrorsNameThePathAndWhatToDo) {
  auto files = make_local_files();
  auto put = files->put("/proc/ticklake/x", "y");
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().message.find("/proc/ticklake"), std::string::npos) << put.error().message;
  auto full = files->put_if_absent("/dev/full/x", "y");
  ASSERT_FALSE(full);
  EXPECT_NE(full.error().message.find("make the directory /dev/full: Not a directory"),
            std::string::npos)
      << full.error().message;
}

TEST(ClockTest, ManualClockStandsStill) {
  ManualClock clock(5);
  EXPECT_EQ(clock.now_us(), 5);
  clock.advance_us(7);
  EXPECT_EQ(clock.now_us(), 12);
  EXPECT_GT(SystemClock().now_us(), 1'700'000'000'000'000);
}

TEST(HttpTest, NobodyThereIsUnavailable) {
  auto answer = make_http()->send({.url = "http://127.0.0.1:1/", .timeout_ms = 2000});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::Unavailable);
}

TEST(HttpTest, AnAnswerIsReadToItsLimitOnly) {
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* where = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener, where, size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, where, &size), 0);
  std::thread server([listener] {
    int client = ::accept(listener, nullptr, nullptr);
    char request[4096];
    (void)::recv(client, request, sizeof request, 0);
    std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n12345678901";
    (void)::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
    ::close(client);
  });
  auto answer =
      make_http()->send({.url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/",
                         .timeout_ms = 60'000,
                         .max_body_bytes = 10});
  server.join();
  ::close(listener);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the answer is longer than 10 bytes");
}

}  // namespace
}  // namespace ticklake::io
