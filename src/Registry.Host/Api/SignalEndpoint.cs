using System.Globalization;
using System.Text.Json;
using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>
/// <c>GET /v1/tubes/{id}/signals</c>: a tube's signals as server-sent events. An event's id is the signal's number, so a client that
/// sends <c>Last-Event-ID</c> (or <c>?after=</c>) goes on where it was. Ends after <c>tube_closed</c>.
/// </summary>
internal static class SignalEndpoint
{
    // Proxies cut connections that are silent for 30 or 60 s; half of the shorter.
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(15);

    // A gateway closes its tubes before it stops, which ends their streams; this is for what they still have to write.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    public static void MapSignals(this IEndpointRouteBuilder v1) => v1.MapGet("/tubes/{tubeId}/signals", Open);

    private static IResult Open(string tubeId, string? after, HttpRequest request, ITubeRegistry registry, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem))
            return problem;
        var (field, text) = request.Headers["Last-Event-ID"].ToString() is { Length: > 0 } header ? ("Last-Event-ID", header) : ("after", after);
        if (!long.TryParse(text ?? "0", NumberStyles.None, CultureInfo.InvariantCulture, out var sequence))
            return Problem.InvalidRequest(field, $"'{field}' must be the number of the last signal that was received.");
        var stop = CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
        if (registry.Signals(id, sequence, stop.Token) is { } signals)
            return new EventStream(signals, stop, time, lifetime.ApplicationStopping);
        stop.Dispose();
        return Problem.TubeNotFound(tubeId);
    }

    private sealed class EventStream(IAsyncEnumerable<TubeSignal> signals, CancellationTokenSource stop, TimeProvider time, CancellationToken stopping) : IResult
    {
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
                    // The client left, or the gateway is stopping and the tube's own end did not come.
                }
            }
        }

        private async Task WriteAsync(HttpResponse response)
        {
            await WriteLinesAsync(response, ": signals\n\n");
            using var heartbeat = new PeriodicTimer(HeartbeatInterval, time);
            await using var enumerator = signals.GetAsyncEnumerator(stop.Token);
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

        private static string Format(TubeSignal signal) =>
            $"id: {signal.Sequence}\nevent: {signal.Kind}\ndata: {JsonSerializer.Serialize(SignalBody.Of(signal), ApiJson.Options)}\n\n";
    }
}
