using System.Diagnostics;
using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;

namespace Registry.Cluster.Tests;

/// <summary>An event as a client of a gateway received it.</summary>
/// <param name="Id">Its id, or null when it has none.</param>
/// <param name="Kind">Its type.</param>
/// <param name="Data">Its data.</param>
/// <param name="At">When it arrived, by <see cref="Stopwatch.GetTimestamp"/>.</param>
internal sealed record ReceivedEvent(string? Id, string Kind, JsonElement Data, long At)
{
    public string? TubeId => Text("tubeId");

    /// <summary>The name of the reason that a closure carries.</summary>
    public string? Reason => Data.TryGetProperty("closeReason", out var reason) ? reason.GetProperty("name").GetString() : null;

    public string? Text(string name) => Data.TryGetProperty(name, out var value) ? value.GetString() : null;
}

/// <summary>A client of one of a gateway's event streams.</summary>
internal sealed class EventReader : IAsyncDisposable
{
    private readonly HttpResponseMessage response;
    private readonly IAsyncEnumerator<SseItem<string>> items;

    private EventReader(HttpResponseMessage response, Stream stream)
    {
        this.response = response;
        items = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();
    }

    public static Task<EventReader> OfAllTubesAsync(ClusterProcess node, string? lastEventId = null) => OpenAsync(node, "/v1/events", lastEventId);

    public static Task<EventReader> OfTubeAsync(ClusterProcess node, string tubeId, string? lastEventId = null) => OpenAsync(node, $"/v1/tubes/{tubeId}/signals", lastEventId);

    /// <summary>Events of all tubes from now on, every node's having been listed.</summary>
    public static async Task<EventReader> FromNowAsync(ClusterProcess node, int nodes)
    {
        var reader = await OfAllTubesAsync(node);
        for (var listed = 0; listed < nodes; listed++)
            await reader.UntilAsync(e => e.Kind == "tubes_listed");
        return reader;
    }

    /// <summary>The next event; null when the stream has ended.</summary>
    public async Task<ReceivedEvent?> NextOrEndAsync() => await items.MoveNextAsync().AsTask().WaitAsync(ClusterProcess.Patience)
        ? new(items.Current.EventId, items.Current.EventType, JsonDocument.Parse(items.Current.Data).RootElement, Stopwatch.GetTimestamp())
        : null;

    /// <summary>The events up to the first that is wanted, that one included.</summary>
    public async Task<List<ReceivedEvent>> UntilAsync(Func<ReceivedEvent, bool> wanted)
    {
        var received = new List<ReceivedEvent>();
        do
            received.Add((await NextOrEndAsync()).ShouldNotBeNull($"The stream ended after {string.Join(", ", received)}"));
        while (!wanted(received[^1]));
        return received;
    }

    /// <summary>The events until the stream ends.</summary>
    public async Task<List<ReceivedEvent>> RestAsync()
    {
        var received = new List<ReceivedEvent>();
        while (await NextOrEndAsync() is { } next)
            received.Add(next);
        return received;
    }

    public async ValueTask DisposeAsync()
    {
        await items.DisposeAsync();
        response.Dispose();
    }

    private static async Task<EventReader> OpenAsync(ClusterProcess node, string path, string? lastEventId)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await node.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(ClusterProcess.Patience);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return new(response, await response.Content.ReadAsStreamAsync());
    }
}
