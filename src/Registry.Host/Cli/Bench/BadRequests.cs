using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Registry.Host.Cli.Bench;

/// <summary>Requests that a gateway must refuse, of every kind that one can think of.</summary>
/// <param name="gateway">Where they go.</param>
internal sealed class BadRequests(Uri gateway) : IDisposable
{
    private const string Tubes = "/v1/tubes";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Method, path, media type and body.
    private static readonly (string Method, string Path, string? Type, string? Body)[] whole =
    [
        ("POST", Tubes, "application/json", "{\"conversationId\":"),
        ("POST", Tubes, "application/json", "[1,2]"),
        ("POST", Tubes, "application/json", "null"),
        ("POST", Tubes, "application/json", ""),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"echo\"},\"surprise\":1}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":7,\"settings\":{}}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"conversationId\":\"d\",\"settings\":{\"conversationType\":\"echo\"}}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"teleport\"}}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"tunnel\",\"target_host\":\"h\",\"target_port\":70000}}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"echo\"},\"offer\":\"not base64!\"}"),
        ("POST", Tubes, "application/json", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"echo\"},\"offer\":\"dj0wDQo=\"}"),
        ("POST", Tubes, "application/json", $"{{\"conversationId\":\"{new string('x', 300)}\",\"settings\":{{\"conversationType\":\"echo\"}}}}"),
        ("POST", Tubes, "application/json", $"{{\"settings\":{new string('[', 5000)}"),
        ("POST", Tubes, "text/plain", "{\"conversationId\":\"c\",\"settings\":{\"conversationType\":\"echo\"}}"),
        ("POST", Tubes, "application/x-www-form-urlencoded", "conversationId=c"),
        ("PUT", Tubes, "application/json", "{}"),
        ("GET", Tubes + "?limit=0", null, null),
        ("GET", Tubes + "?state=sleeping&cursor=%00", null, null),
        ("GET", Tubes + "/none", null, null),
        ("GET", Tubes + "/a%20b", null, null),
        ("GET", Tubes + "/../../etc/passwd", null, null),
        ("GET", Tubes + "/none/signals?after=x", null, null),
        ("DELETE", Tubes + "/none?reason=because", null, null),
        ("POST", Tubes + "/none/candidates", "application/json", "{\"candidates\":[\"candidate:1 one udp\"]}"),
        ("POST", Tubes + "/none/candidates", "application/json", "{\"candidates\":[null]}"),
        ("PUT", Tubes + "/none/remote-description", "application/json", "{\"type\":\"pranswer\",\"sdp\":\"\"}"),
        ("PUT", Tubes + "/none/remote-description", "application/json", "{\"type\":\"answer\",\"sdp\":\"dj0wDQo=\"}"),
        ("POST", Tubes + "/none/tokens", "application/json", "{\"lifetimeMs\":-1}"),
        ("GET", "/v1/conversations/none", null, null),
        ("GET", "/v1/conversations/%0A", null, null),
        ("PUT", "/v1/capacity/limits", "application/json", "{\"maxTubes\":\"many\"}"),
        ("PUT", "/v1/capacity/limits", "application/json", "{\"maxTubes\":0}"),
        ("POST", "/v1/node/drain", "application/json", "{\"deadlineMs\":-5}"),
        ("GET", "/v2/anything", null, null),
        ("PATCH", "/v1/nodes", "application/json", "{}"),
        ("GET", "/dashboard/none.js", null, null),
    ];

    // Bytes that are not HTTP as it must be; the connection is cut after them.
    private static readonly byte[][] broken =
    [
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03],
        [.. Enumerable.Range(0, 512).Select(i => (byte)(i * 37))],
        Ascii("GET / HTTP/9.9\r\n\r\n"),
        Ascii("GET /v1/tubes HTTP/1.1\r\nHost localhost\r\n\r\n"),
        Ascii("GET /v1/tubes HTTP/1.1\r\nHost: attacker.example\r\n\r\n"),
        Ascii($"GET /{new string('a', 10_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        Ascii($"GET / HTTP/1.1\r\nHost: localhost\r\nX: {new string('b', 40_000)}\r\n\r\n"),
        Ascii($"GET / HTTP/1.1\r\nHost: localhost\r\n{string.Concat(Enumerable.Range(0, 200).Select(i => $"X{i}: 1\r\n"))}\r\n"),
        Ascii("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n"),
        Ascii("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\n{}"),
        Ascii("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}"),
        Ascii("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{}"),
        Ascii("POST /v1/tubes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"half\":"),
        Ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ];

    // Larger than what is read; seldom, because it takes long to send.
    private const int LargeEvery = 500;
    private static readonly byte[] large = [.. Ascii("{\"conversationId\":\"c\",\"offer\":\""), .. Enumerable.Repeat((byte)'A', Api.RequestBody.MaxLength)];

    private readonly HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway, Timeout = Patience };

    /// <summary>Kinds of requests; each number below it is another.</summary>
    public static int Kinds => whole.Length + broken.Length;

    public void Dispose() => http.Dispose();

    /// <summary>Sends one.</summary>
    /// <returns>The status it was answered with; 0 when the connection was closed instead.</returns>
    public Task<int> SendAsync(int number, CancellationToken cancellationToken)
    {
        var kind = number % Kinds;
        return number % LargeEvery == LargeEvery - 1 ? SendAsync("POST", Tubes, "application/json", large, cancellationToken)
            : kind < whole.Length ? SendAsync(whole[kind].Method, whole[kind].Path, whole[kind].Type, whole[kind].Body is { } text ? Encoding.UTF8.GetBytes(text) : null, cancellationToken)
            : SendRawAsync(broken[kind - whole.Length], cancellationToken);
    }

    private async Task<int> SendAsync(string method, string path, string? type, byte[]? body, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(new(method), path);
        if (body is not null)
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new(type!) } };
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return (int)response.StatusCode;
        }
        catch (HttpRequestException)
        {
            // The gateway closes the connection of a body that it does not read; it may do so before its answer was read.
            return 0;
        }
    }

    private async Task<int> SendRawAsync(byte[] bytes, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Parse(gateway.Host), gateway.Port, cancellationToken);
        var answer = new byte[64];
        try
        {
            await socket.SendAsync(bytes, cancellationToken);
            socket.Shutdown(SocketShutdown.Send);
            var length = await socket.ReceiveAsync(answer, cancellationToken).AsTask().WaitAsync(Patience, cancellationToken);
            return Encoding.ASCII.GetString(answer, 0, length).Split(' ') is ["HTTP/1.1", var status, ..] && int.TryParse(status, out var code) ? code : 0;
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private static byte[] Ascii(string text) => Encoding.ASCII.GetBytes(text);
}
