// The server on a real socket: what comes in broken, too long or too often, and how it ends.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "assets.h"
#include "base/time.h"
#include "serving/serving.h"

namespace ticklake::serving {
namespace {

class Client {
 public:
  explicit Client(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    timeval patience{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::connect(socket_, generic, sizeof address), 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes) const {
    static_cast<void>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  void get(const std::string& target, const std::string& more = "") const {
    send(fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", target, more));
  }
  // Until the text is there or the other side ends it.
  std::string until(const std::string& text) {
    char buffer[4096];
    while (text.empty() || received_.find(text) == std::string::npos) {
      ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      received_.append(buffer, static_cast<size_t>(count));
    }
    return received_;
  }
  std::string all() { return until(""); }

 private:
  int socket_;
  std::string received_;
};

class Running {
 public:
  explicit Running(Options options = {}) {
    options.address.port = 0;
    auto opened = Server::open(
        options, {.files = files, .clock = clock, .table = {}, .no_table = "no candles here"});
    EXPECT_TRUE(opened);
    server = std::move(*opened);
    std::string url = server->url();
    port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    run = std::thread([this] { server->run(); });
    work = std::thread([this] { server->work(); });
  }
  ~Running() { stop(); }
  void stop() {
    server->stop();
    if (run.joinable()) run.join();
    if (work.joinable()) work.join();
  }

  io::SystemClock clock;
  io::MemoryFiles files;
  std::unique_ptr<Server> server;
  uint16_t port = 0;
  std::thread run, work;
};

std::string answer_to(Running& server, const std::string& bytes) {
  Client client(server.port);
  client.send(bytes);
  return client.until("\r\n\r\n");
}

TEST(Server, RefusesWhatIsBrokenOrTooLong) {
  Running server;
  for (const auto& [bytes, status] : std::initializer_list<std::pair<std::string, std::string>>{
           {"nonsense\r\n\r\n", "400"},
           {"GET / HTTP/9.9\r\n\r\n", "400"},
           {"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(20'000, 'x') + "\r\n\r\n",
            "431"},
           {"GET /" + std::string(20'000, 'x') + " HTTP/1.1\r\n\r\n", "431"},
           {"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcde", "413"},
           {"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"},
           {"GET / HTTP/1.1\r\n\r\n", "421"},
           {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421"},
           {"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"},
           {"GET /api/v1/candles?symbol=A HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"},
           {"GET /api/v1/symbols HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\n\r\n",
            "403"},
           {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "200"}}) {
    EXPECT_EQ(answer_to(server, bytes).substr(0, 12), "HTTP/1.1 " + status) << bytes.substr(0, 60);
  }
}

TEST(Server, SendsThePageWithItsPolicy) {
  Running server;
  Client client(server.port);
  client.get("/metrics");
  EXPECT_NE(client.until("process_cpu_seconds_total ")
                .find("Content-Security-Policy: default-src 'self'"),
            std::string::npos);
  for (const auto& asset : assets()) {
    Client browser(server.port);
    browser.get(std::string(asset.path), "Connection: close\r\n");
    std::string answer = browser.all();
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 200") << asset.path;
    EXPECT_TRUE(answer.ends_with(asset.bytes)) << asset.path;
    Client known(server.port);
    known.get(std::string(asset.path),
              fmt::format("If-None-Match: {}\r\nConnection: close\r\n", asset.etag));
    EXPECT_EQ(known.all().substr(0, 12), "HTTP/1.1 304") << asset.path;
  }
}

TEST(Server, KeepsConnectionsAndAnswersHead) {
  Running server;
  Client client(server.port);
  client.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::string head = client.until("\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: 3"), std::string::npos) << head;
  client.get("/healthz", "Connection: close\r\n");
  EXPECT_TRUE(client.all().ends_with("\r\n\r\nok\n"));
}

TEST(Server, HasRoomForSoManyStreams) {
  Options options;
  options.streams_max = 2;
  Running server(options);
  Client first(server.port), second(server.port);
  first.get("/api/v1/events");
  second.get("/api/v1/events");
  EXPECT_NE(first.until("event: pipeline").find("text/event-stream"), std::string::npos);
  second.until("event: pipeline");
  {
    Client third(server.port);
    third.get("/api/v1/events");
    std::string answer = third.until("\r\n\r\n");
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 503");
    EXPECT_NE(answer.find("Retry-After: 1"), std::string::npos);
  }
  // Streams do not take the room of requests.
  EXPECT_EQ(answer_to(server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").substr(9, 3),
            "200");
}

TEST(Server, TellsNewsAtOnceToEveryStream) {
  Running server;
  Client first(server.port), second(server.port);
  first.get("/api/v1/events");
  second.get("/api/v1/events");
  first.until("event: pipeline");
  second.until("event: pipeline");
  server.server->publish(PipelineState{.project = "a new name", .taken_us = 1});
  EXPECT_NE(first.until("a new name").find("a new name"), std::string::npos);
  EXPECT_NE(second.until("a new name").find("a new name"), std::string::npos);
}

TEST(Server, AClientThatTakesNothingHoldsUpNobody) {
  Running server;
  Client slow(server.port), quick(server.port);
  slow.get("/api/v1/events");
  quick.get("/api/v1/events");
  quick.until("event: pipeline");
  // Far more than the sockets of the slow one can hold.
  for (int i = 0; i < 400; ++i) {
    server.server->publish(PipelineState{.project = std::string(100'000, 'x'), .taken_us = 1});
  }
  server.server->publish(PipelineState{.project = "the last", .taken_us = 1});
  EXPECT_NE(quick.until("the last").find("the last"), std::string::npos);
  EXPECT_NE(slow.until("the last").find("the last"), std::string::npos) << "what it gets is newest";
}

TEST(Server, RefusesConnectionsBeyondItsLimit) {
  Options options;
  options.connections_max = 1;
  Running server(options);
  Client first(server.port);
  first.get("/api/v1/events");
  first.until("event: pipeline");
  Client second(server.port);
  EXPECT_EQ(second.all().substr(0, 12), "HTTP/1.1 503");
}

TEST(Server, EndsItsStreamsWhenItStops) {
  Running server;
  Client stream(server.port), idle(server.port);
  stream.get("/api/v1/events");
  stream.until("event: pipeline");
  idle.get("/healthz");
  idle.until("ok\n");
  server.stop();
  EXPECT_NE(stream.all(), "") << "the stream ends, it does not hang";
  EXPECT_TRUE(idle.all().ends_with("ok\n"));
}

TEST(Server, SaysThatThePortIsTaken) {
  Running server;
  Options options;
  options.address.port = server.port;
  auto again = Server::open(options, {.files = server.files, .clock = server.clock, .table = {}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::Unavailable);
  EXPECT_NE(again.error().message.find("try another port"), std::string::npos);
}

}  // namespace
}  // namespace ticklake::serving
