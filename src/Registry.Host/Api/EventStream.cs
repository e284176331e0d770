using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Registry.Host.Security;

namespace Registry.Host.Api;

/// <summary>One server-sent event.</summary>
/// <param name="Id">What a client gives back as <c>Last-Event-ID</c> to go on after it; null when one cannot go on from here.</param>
/// <param name="Text">Its type and its data: what <see cref="TextOf"/> makes.</param>
internal readonly record struct ServerSentEvent(string? Id, ReadOnlyMemory<byte> Text)
{
    /// <summary>An event without its id, as it is sent.</summary>
    /// <param name="kind">The event's type.</param>
    /// <param name="data">Written as JSON.</param>
    public static ReadOnlyMemory<byte> TextOf(string kind, object data) =>
        Encoding.UTF8.GetBytes($"event: {kind}\ndata: {JsonSerializer.Serialize(data, ApiJson.Options)}\n\n");
}

/// <summary>Server-sent events (WHATWG HTML §9.2) as a result. Ends with its source, with the client, with the client's key or token, or with the gateway.</summary>
/// <param name="events">What is sent; must end with the token of its enumerator.</param>
/// <param name="pause">Least time between two writes. What happens in between goes out with the second one: of many events to many clients, each is a write otherwise.</param>
internal sealed class EventStream(IAsyncEnumerable<ServerSentEvent> events, TimeSpan pause = default) : IResult
{
    public const string MediaType = "text/event-stream";

    // Proxies cut connections that are silent for 30 or 60 s; half of the shorter.
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    // Bytes; a burst of events is written in pieces of this size.
    private const int MostAtOnce = 16 * 1024;

    // A gateway closes its tubes before it stops, which ends their streams; this is for what they still have to write.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = MediaType;
        response.Headers.CacheControl = "no-store";
        var services = httpContext.RequestServices;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(httpContext.RequestAborted);
        using var stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping
            .UnsafeRegister(static source => ((CancellationTokenSource)source!).CancelAfter(LastWords), stop);
        using var heartbeat = new PeriodicTimer(HeartbeatInterval, services.GetRequiredService<TimeProvider>());
        try
        {
            await WriteAsync(httpContext, heartbeat, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The client left, or the gateway is stopping and the source's own end did not come.
        }
    }

    private async Task WriteAsync(HttpContext context, PeriodicTimer heartbeat, CancellationTokenSource stop)
    {
        var response = context.Response;
        await WriteAsync(response, ": events\n\n", stop.Token);
        await using var enumerator = events.GetAsyncEnumerator(stop.Token);
        var next = enumerator.MoveNextAsync().AsTask();
        var tick = heartbeat.WaitForNextTickAsync(stop.Token).AsTask();
        try
        {
            while (true)
            {
                // The tick first: of a busy source something is always there.
                if (await Task.WhenAny(tick, next) == tick)
                {
                    await tick;
                    if (!OpenStreams.MayGoOn(context))
                        return; // The client connects again, and is told why it may not.
                    await WriteAsync(response, ": heartbeat\n\n", stop.Token);
                    tick = heartbeat.WaitForNextTickAsync(stop.Token).AsTask();
                }
                else if (await next)
                {
                    Write(response.BodyWriter, enumerator.Current);
                    next = enumerator.MoveNextAsync().AsTask();
                    // What is there already goes with it.
                    if (!next.IsCompleted || response.BodyWriter.UnflushedBytes > MostAtOnce)
                        await response.BodyWriter.FlushAsync(stop.Token);
                    if (!next.IsCompleted && pause > TimeSpan.Zero)
                        await Task.Delay(pause, stop.Token);
                }
                else
                {
                    return;
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

    private static async Task WriteAsync(HttpResponse response, string text, CancellationToken cancellationToken)
    {
        Encoding.UTF8.GetBytes(text, response.BodyWriter);
        await response.BodyWriter.FlushAsync(cancellationToken);
    }

    private static void Write(PipeWriter writer, ServerSentEvent sent)
    {
        if (sent.Id is not null)
            Encoding.UTF8.GetBytes($"id: {sent.Id}\n", writer);
        writer.Write(sent.Text.Span);
    }
}
