// HTTP/1.1 over Boost.Beast; all of Boost is in this file. Two threads: run() owns the sockets and
// the service, work() reads tables for it. Boost throws where memory ends or a thread is misused:
// no exception leaves a coroutine or a call of this file.
//
// GCC 12 destroys temporaries of an expression with co_await twice in some forms (?:, aggregates):
// here what a co_await needs has a name.
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <list>
#include <random>

#include "history.h"
#include "service.h"
#include "serving/serving.h"

namespace ticklake::serving {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using std::chrono::microseconds;
using std::chrono::seconds;

constexpr uint32_t kHeaderBytesMax = 8 << 10;
constexpr seconds kRequestTimeout{15};  // for a whole request to come, idle time included
constexpr seconds kWriteTimeout{30};    // a client that takes nothing for so long is let go
constexpr seconds kDrainTimeout{2};
constexpr int kSendBufferBytes = 64 << 10;  // so that what waits is newest here, not in the kernel
constexpr int kReadsWaitingMax = 8;
constexpr auto kTold = asio::as_tuple(asio::use_awaitable);

constexpr std::string_view kPolicy =
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'";

using Reply = http::response<http::string_body>;
using Head = http::request<http::empty_body>;

std::string random_boot() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

RequestHead head_of(const Head& request) {
  auto field = [&request](auto name) { return std::string(request[name]); };
  return {.method = std::string(request.method_string()),
          .target = std::string(request.target()),
          .host = field(http::field::host),
          .origin = field(http::field::origin),
          .fetch_site = field("Sec-Fetch-Site"),
          .if_none_match = field(http::field::if_none_match),
          .last_event_id = field("Last-Event-ID")};
}

template <typename Message>
void set_safety(Message& message) {
  message.set(http::field::server, "ticklake");
  message.set("Content-Security-Policy", kPolicy);
  message.set("X-Content-Type-Options", "nosniff");
  message.set("Referrer-Policy", "no-referrer");
  message.set("Cross-Origin-Resource-Policy", "same-origin");
}

Reply reply_of(Response response, const RequestHead& head, unsigned version) {
  Reply reply;
  reply.version(version);
  set_safety(reply);
  bool kept = !response.etag.empty();
  reply.set(http::field::cache_control, kept ? "no-cache" : "no-store");
  if (kept) reply.set(http::field::etag, response.etag);
  bool known = kept && head.if_none_match == response.etag;
  reply.result(known ? 304U : response.status);
  if (response.status == 405) reply.set(http::field::allow, "GET, HEAD");
  if (response.status == 503) reply.set(http::field::retry_after, "1");
  if (known) return reply;
  reply.set(http::field::content_type, response.type);
  reply.content_length(response.body.size());
  if (head.method != "HEAD") reply.body() = std::move(response.body);
  return reply;
}

// Does something at the end of its scope, whichever way that is left.
template <typename Action>
class Finally {
 public:
  explicit Finally(Action action) : action_(std::move(action)) {}
  ~Finally() { action_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  Action action_;
};

// An open connection. It lives in its coroutine.
struct Connection {
  explicit Connection(tcp::socket socket)
      : stream(std::move(socket)), wake(stream.get_executor()) {}
  beast::tcp_stream stream;
  asio::steady_timer wake;  // cancelled: something new is due
  bool idle = false;        // waits for a request
};

class ServerImpl final : public Server {
 public:
  ServerImpl(const Options& options, Subject subject)
      : options_(options),
        service_(std::move(subject), random_boot()),
        acceptor_(io_),
        drain_(io_),
        io_guard_(io_.get_executor()),
        work_guard_(work_.get_executor()) {}

  Result<void> bind();
  std::string url() const override;
  void run() override { run_context(io_); }
  void work() override { run_context(work_); }
  void stop() override;
  void publish(PipelineState state) override;
  void publish(LiveUpdate update) override;

 private:
  static void run_context(asio::io_context& context);
  asio::awaitable<void> accept();
  asio::awaitable<void> serve(tcp::socket socket);
  asio::awaitable<void> requests(Connection& connection);
  asio::awaitable<bool> answer(Connection& connection, const Head& request);
  asio::awaitable<Response> response_to(const RequestHead& head);
  asio::awaitable<void> events(Connection& connection, const Head& request, StreamState& stream);
  asio::awaitable<bool> refuse_malformed(Connection& connection, beast::error_code problem);
  asio::awaitable<bool> write(Connection& connection, Reply reply);
  void wake_all();
  void begin_load();
  Result<void> read_table();
  void load();
  void finish();

  Options options_;
  // Before the contexts, which end the coroutines that use them.
  Service service_;
  std::list<Connection*> connections_;
  int reads_waiting_ = 0;
  asio::io_context io_{1};
  asio::io_context work_{1};
  tcp::acceptor acceptor_;
  asio::steady_timer drain_;
  asio::executor_work_guard<asio::io_context::executor_type> io_guard_, work_guard_;
  bool loading_ = false;
  bool load_again_ = false;
  std::atomic<bool> stopping_ = false;
};

Result<void> ServerImpl::bind() {
  beast::error_code problem;
  auto address = asio::ip::make_address(options_.address.host, problem);
  auto failed = [&](std::string_view what) {
    return Error{Code::Unavailable,
                 fmt::format("--serve {}:{}: {} ({}); try another port", options_.address.host,
                             options_.address.port, what, problem.message())};
  };
  if (problem) return failed("not an address");
  tcp::endpoint endpoint(address, options_.address.port);
  acceptor_.open(endpoint.protocol(), problem);
  if (problem) return failed("no socket can be had");
  acceptor_.set_option(asio::socket_base::reuse_address(true), problem);
  acceptor_.bind(endpoint, problem);
  if (problem) return failed("the port cannot be had");
  acceptor_.listen(asio::socket_base::max_listen_connections, problem);
  if (problem) return failed("the port cannot be had");
  asio::co_spawn(io_, accept(), asio::detached);
  return {};
}

std::string ServerImpl::url() const {
  beast::error_code problem;
  auto endpoint = acceptor_.local_endpoint(problem);
  std::string host = options_.address.host == "::1" ? "[::1]" : options_.address.host;
  return fmt::format("http://{}:{}/", host, endpoint.port());
}

void ServerImpl::run_context(asio::io_context& context) {
  for (;;) {
    try {
      context.run();
      return;
    } catch (const std::exception& error) {
      // A handler of one connection failed; the others go on.
      fmt::print(stderr, "serving: {}\n", error.what());
    }
  }
}

// ---- connections

asio::awaitable<void> ServerImpl::accept() {
  while (!stopping_) {
    auto [problem, socket] = co_await acceptor_.async_accept(kTold);
    if (stopping_ || problem == asio::error::operation_aborted) co_return;
    if (problem) {  // out of descriptors: wait until some are free
      asio::steady_timer pause(io_, std::chrono::milliseconds(100));
      co_await pause.async_wait(kTold);
      continue;
    }
    beast::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
    asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> ServerImpl::serve(tcp::socket socket) {
  Connection connection(std::move(socket));
  auto place = connections_.insert(connections_.end(), &connection);
  auto& open = service_.counts().connections;
  open += 1;
  try {
    if (open > options_.connections_max) {
      Response full = refusal(503, "too many connections are open");
      Reply reply = reply_of(std::move(full), {}, 11);
      co_await write(connection, std::move(reply));
    } else {
      co_await requests(connection);
    }
  } catch (const std::exception&) {
    // Out of memory: this connection ends.
  }
  open -= 1;
  connections_.erase(place);
  if (stopping_ && connections_.empty()) drain_.cancel();
  beast::error_code ignored;
  connection.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> ServerImpl::requests(Connection& connection) {
  beast::flat_buffer buffer(kHeaderBytesMax);
  for (bool more = true; more && !stopping_;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(0);
    connection.stream.expires_after(kRequestTimeout);
    connection.idle = true;
    auto [problem, bytes] = co_await http::async_read(connection.stream, buffer, parser, kTold);
    connection.idle = false;
    if (problem) {
      co_await refuse_malformed(connection, problem);
      co_return;
    }
    more = co_await answer(connection, parser.get());
  }
}

asio::awaitable<bool> ServerImpl::refuse_malformed(Connection& connection,
                                                   beast::error_code problem) {
  static const auto& ours = http::make_error_code(http::error::end_of_stream).category();
  bool gone = problem.category() != ours || problem == http::error::end_of_stream ||
              problem == http::error::partial_message;
  if (gone) co_return false;
  bool long_head = problem == http::error::header_limit || problem == http::error::buffer_overflow;
  bool body = problem == http::error::body_limit || problem == http::error::unexpected_body;
  Response response = long_head ? refusal(431, "the request's head is too long")
                      : body    ? refusal(413, "requests have no body here")
                                : refusal(400, "this is not a well-formed HTTP/1.1 request");
  Reply reply = reply_of(std::move(response), {}, 11);
  reply.keep_alive(false);
  co_return co_await write(connection, std::move(reply));
}

asio::awaitable<bool> ServerImpl::write(Connection& connection, Reply reply) {
  service_.counts().requests[reply.result_int()] += 1;
  bool keep = reply.keep_alive();
  reply.prepare_payload();
  connection.stream.expires_after(kWriteTimeout);
  auto [problem, bytes] = co_await http::async_write(connection.stream, reply, kTold);
  co_return keep && !problem;
}

// ---- requests

asio::awaitable<bool> ServerImpl::answer(Connection& connection, const Head& request) {
  RequestHead head = head_of(request);
  auto no = refused(head);
  auto target = parse_target(head.target);
  bool stream = !no && target && target->path == "/api/v1/events" && head.method == "GET";
  if (stream && service_.counts().streams < options_.streams_max) {
    auto opened = service_.open_stream(*target, head.last_event_id);
    if (auto* state = std::get_if<StreamState*>(&opened)) {
      Finally close([this, state] { service_.close_stream(*state); });
      co_await events(connection, request, **state);
      co_return false;
    }
    no = std::get<Response>(std::move(opened));
  } else if (stream) {
    no = refusal(503, "too many event streams are open");
  }
  Response response;
  if (no) {
    response = *std::move(no);
  } else {
    response = co_await response_to(head);
  }
  bool head_only = head.method == "HEAD";
  size_t length = response.body.size();
  Reply reply = reply_of(std::move(response), head, request.version());
  reply.keep_alive(request.keep_alive() && !stopping_);
  if (!head_only) co_return co_await write(connection, std::move(reply));
  // The length is that of the body that is not sent.
  http::response<http::empty_body> bare(std::move(reply.base()));
  bare.content_length(length);
  bare.keep_alive(request.keep_alive() && !stopping_);
  service_.counts().requests[bare.result_int()] += 1;
  connection.stream.expires_after(kWriteTimeout);
  http::response_serializer<http::empty_body> serializer(bare);
  auto [problem, bytes] = co_await http::async_write_header(connection.stream, serializer, kTold);
  co_return bare.keep_alive() && !problem;
}

asio::awaitable<Response> ServerImpl::response_to(const RequestHead& head) {
  auto target = parse_target(head.target);
  if (!target) co_return refusal(400, target.error().message);
  auto answered = service_.answer(*target);
  if (auto* response = std::get_if<Response>(&answered)) co_return std::move(*response);
  if (reads_waiting_ >= kReadsWaitingMax) co_return refusal(503, "too many reads wait");
  const auto& request = std::get<HistoryRequest>(answered);
  const Subject& subject = service_.subject();
  // What a coroutine of another context gives must have a default.
  using Read = std::optional<Result<std::vector<ShownBar>>>;
  auto read = [&]() -> asio::awaitable<Read> {
    auto stopping = [this] { return stopping_.load(); };
    co_return read_bars(subject.files, *subject.table, request.symbol, request.range, stopping);
  };
  reads_waiting_ += 1;
  Finally over([this] { reads_waiting_ -= 1; });
  Read done = co_await asio::co_spawn(work_, read(), asio::use_awaitable);
  auto& bars = *done;
  if (!bars) co_return refusal(503, bars.error().message);
  co_return service_.finish(request, *std::move(bars));
}

asio::awaitable<void> ServerImpl::events(Connection& connection, const Head& request,
                                         StreamState& stream) {
  http::response<http::empty_body> head;
  head.version(request.version());
  set_safety(head);
  head.set(http::field::content_type, "text/event-stream; charset=utf-8");
  head.set(http::field::cache_control, "no-store");
  head.set("X-Accel-Buffering", "no");
  head.keep_alive(false);
  service_.counts().requests[200] += 1;
  http::response_serializer<http::empty_body> serializer(head);
  connection.stream.expires_after(kWriteTimeout);
  auto [problem, bytes] = co_await http::async_write_header(connection.stream, serializer, kTold);
  if (problem) co_return;
  std::string text = "retry: 1000\n\n";
  while (!stopping_) {
    text += service_.due(stream);
    if (text.empty()) {
      int64_t wait_us = service_.next_due_us(stream) - service_.subject().clock.now_us();
      connection.wake.expires_after(microseconds(std::max<int64_t>(wait_us, 1'000)));
      co_await connection.wake.async_wait(kTold);
      continue;
    }
    connection.stream.expires_after(kWriteTimeout);
    auto [failure, written] =
        co_await asio::async_write(connection.stream, asio::buffer(text), kTold);
    if (failure) co_return;
    text.clear();
  }
}

// ---- what is new

void ServerImpl::wake_all() {
  for (auto* connection : connections_) connection->wake.cancel();
}

void ServerImpl::publish(PipelineState state) {
  asio::post(io_, [this, state = std::move(state)]() mutable {
    service_.publish(std::move(state));
    wake_all();
  });
}

void ServerImpl::publish(LiveUpdate update) {
  asio::post(io_, [this, update = std::move(update)] {
    service_.publish(update);
    if (update.reload) begin_load();
    wake_all();
  });
}

// One load at a time; what asks for another meanwhile gets one more at the end.
void ServerImpl::begin_load() {
  if (!service_.subject().table || stopping_) return;
  load_again_ = loading_;
  if (loading_) return;
  service_.begin_load();
  asio::post(work_, [this] { load(); });
  loading_ = true;
}

Result<void> ServerImpl::read_table() {
  const Subject& subject = service_.subject();
  auto stopping = [this] { return stopping_.load(); };
  auto give = [this](std::vector<SymbolBar> bars, int64_t from_us) {
    asio::post(io_, [this, from_us, bars = std::move(bars)]() mutable {
      service_.load(std::move(bars), from_us);
    });
  };
  try {
    return read_newest_first(subject.files, *subject.table, Service::kBarsMax, stopping, give);
  } catch (const std::exception& error) {
    return Error{Code::Unavailable,
                 fmt::format("{} could not be read: {}", subject.table->name, error.what())};
  }
}

void ServerImpl::load() {
  auto read = read_table();
  bool none = !read && read.error().code == Code::NotFound;
  std::string problem = read || none ? "" : read.error().message;
  asio::post(io_, [this, problem, none] {
    loading_ = false;
    if (none) service_.load({}, INT64_MIN);
    service_.end_load(problem);
    if (load_again_) begin_load();
    wake_all();
  });
}

// ---- the end

void ServerImpl::stop() {
  asio::post(io_, [this] {
    if (stopping_.exchange(true)) return;
    beast::error_code ignored;
    acceptor_.close(ignored);
    for (auto* connection : connections_) {
      if (connection->idle) connection->stream.cancel();
      connection->wake.cancel();
    }
    work_guard_.reset();
    io_guard_.reset();
    drain_.expires_after(kDrainTimeout);
    drain_.async_wait([this](beast::error_code) { finish(); });
    if (connections_.empty()) drain_.cancel();
  });
}

void ServerImpl::finish() {
  work_.stop();
  io_.stop();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const Options& options, Subject subject) {
  try {
    auto server = std::make_unique<ServerImpl>(options, std::move(subject));
    TRY(server->bind());
    return std::unique_ptr<Server>(std::move(server));
  } catch (const std::exception& error) {
    return Error{Code::Unavailable, fmt::format("the server cannot start: {}", error.what())};
  }
}

}  // namespace ticklake::serving
