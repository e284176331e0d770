using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Api;

/// <summary>An event as a client sees it.</summary>
/// <param name="Id">Its id, or null when it has none.</param>
/// <param name="Kind">Its type.</param>
/// <param name="Data">Its data.</param>
internal sealed record ReceivedEvent(string? Id, string Kind, JsonElement Data)
{
    public string? TubeId => Data.TryGetProperty("tubeId", out var id) ? id.GetString() : null;
}

/// <summary>A client of one of the gateway's event streams.</summary>
internal sealed class OpenEvents : IAsyncDisposable
{
    private readonly HttpResponseMessage response;
    private readonly IAsyncEnumerator<SseItem<string>> items;

    private OpenEvents(HttpResponseMessage response, Stream stream)
    {
        this.response = response;
        items = SseParser.Create(stream).EnumerateAsync().GetAsyncEnumerator();
    }

    public static async Task<OpenEvents> OfAsync(HttpClient http, string path = "/v1/events", string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Eventually.Patience);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("text/event-stream");
        return new(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event; null when the stream has ended.</summary>
    public async Task<ReceivedEvent?> NextOrEndAsync() => await items.MoveNextAsync().AsTask().WaitAsync(Eventually.Patience)
        ? new(items.Current.EventId, items.Current.EventType, JsonDocument.Parse(items.Current.Data).RootElement)
        : null;

    public async Task<ReceivedEvent> NextAsync() => (await NextOrEndAsync()).ShouldNotBeNull("the stream ended");

    /// <summary>The events up to the first that is wanted, that one included.</summary>
    public async Task<List<ReceivedEvent>> UntilAsync(Func<ReceivedEvent, bool> wanted)
    {
        var received = new List<ReceivedEvent>();
        do
            received.Add(await NextAsync());
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
}
