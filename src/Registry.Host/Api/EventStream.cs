using System.Globalization;
using System.Text.Json;

namespace Registry.Host.Api;

/// <summary>One server-sent event.</summary>
/// <param name="Id">What a client gives back as <c>Last-Event-ID</c> to go on after it.</param>
/// <param name="Kind">The event's type.</param>
/// <param name="Data">Written as JSON.</param>
internal readonly record struct ServerSentEvent(long Id, string Kind, object Data);

/// <summary>Server-sent events (WHATWG HTML §9.2) as a result. Ends with its source, with the client, or with the gateway.</summary>
/// <param name="events">What is sent; reads until the source's end or the token's.</param>
/// <param name="stop">Cancelled when the client leaves; disposed here.</param>
/// <param name="time">Clock of the heartbeat.</param>
/// <param name="stopping">The gateway's end.</param>
internal sealed class EventStream(IAsyncEnumerable<ServerSentEvent> events, CancellationTokenSource stop, TimeProvider time, CancellationToken stopping) : IResult
{
    // Proxies cut connections that are silent for 30 or 60 s; half of the shorter.
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    // A gateway closes its tubes before it stops, which ends their streams; this is for what they still have to write.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    /// <summary>Reads where a client wants to go on: the header wins over the query. Null when it says nothing.</summary>
    public static bool TryReadPosition(HttpRequest request, string? after, out long? position, out Problem? problem)
    {
        var (field, text) = request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? ("Last-Event-ID", header) : ("after", after);
        var valid = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence);
        position = valid ? sequence : null;
        problem = valid || text is null ? null : Problem.InvalidRequest(field, $"'{field}' must be the number of the last event that was received.");
        return problem is null;
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        using (stop)
        using (stopping.UnsafeRegister(static source => ((CancellationTokenSource)source!).CancelAfter(LastWords), stop))
        {
            try
            {
                await WriteAsync(response);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // The client left, or the gateway is stopping and the source's own end did not come.
            }
        }
    }

    private async Task WriteAsync(HttpResponse response)
    {
        await WriteLinesAsync(response, ": events\n\n");
        using var heartbeat = new PeriodicTimer(HeartbeatInterval, time);
        await using var enumerator = events.GetAsyncEnumerator(stop.Token);
        var next = enumerator.MoveNextAsync().AsTask();
        var tick = heartbeat.WaitForNextTickAsync(stop.Token).AsTask();
        try
        {
            while (true)
            {
                if (await Task.WhenAny(next, tick) == next)
                {
                    if (!await next)
                        return;
                    await WriteLinesAsync(response, Format(enumerator.Current));
                    next = enumerator.MoveNextAsync().AsTask();
                }
                else
                {
                    await tick;
                    await WriteLinesAsync(response, ": heartbeat\n\n");
                    tick = heartbeat.WaitForNextTickAsync(stop.Token).AsTask();
                }
            }
        }
        finally
        {
            // An enumerator must not be disposed while it is moving.
            await stop.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WriteLinesAsync(HttpResponse response, string text)
    {
        await response.WriteAsync(text, stop.Token);
        await response.Body.FlushAsync(stop.Token);
    }

    private static string Format(ServerSentEvent sent) =>
        $"id: {sent.Id}\nevent: {sent.Kind}\ndata: {JsonSerializer.Serialize(sent.Data, ApiJson.Options)}\n\n";
}
