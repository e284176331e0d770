using System.Collections.Concurrent;
using System.Text.Json;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Description;

/// <summary>What gateways were asked and answered, a line of JSON each.</summary>
internal sealed class Transcript
{
    private readonly ConcurrentQueue<string> lines = [];

    public void Add(string method, string pathAndQuery, int status, string? type, string body, string? retryAfter = null) =>
        lines.Enqueue(JsonSerializer.Serialize(new { method, path = pathAndQuery, status, type, body, retryAfter }));

    public Task WriteAsync(string file) => File.WriteAllLinesAsync(file, lines);

    /// <summary>A client whose calls are written down, but for those whose answers go on.</summary>
    public HttpClient Client(Uri gateway, string? key = null)
    {
        var http = new HttpClient(new Recorder(this) { InnerHandler = new SocketsHttpHandler { Expect100ContinueTimeout = Eventually.Patience } }) { BaseAddress = gateway };
        if (key is not null)
            http.DefaultRequestHeaders.Authorization = new("Bearer", key);
        return http;
    }

    private sealed class Recorder(Transcript transcript) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var response = await base.SendAsync(request, cancellationToken);
            if (request.RequestUri!.AbsolutePath == "/v1/events" && response.IsSuccessStatusCode)
                return response;
            await response.Content.LoadIntoBufferAsync(cancellationToken);
            transcript.Add(request.Method.Method, request.RequestUri.PathAndQuery, (int)response.StatusCode, response.Content.Headers.ContentType?.MediaType,
                await response.Content.ReadAsStringAsync(cancellationToken), response.Headers.RetryAfter?.ToString());
            return response;
        }
    }
}
