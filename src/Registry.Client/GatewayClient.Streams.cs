using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

namespace Registry.Client;

// What goes on for as long as it is read.
public sealed partial class GatewayClient
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(5);

    /// <summary>All of the tube's signals, across interruptions of the stream; ends after <c>tube_closed</c>.</summary>
    /// <param name="tubeId">The tube.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="GatewayRefusedException">The gateway refuses for good: it has no such tube, or the key is not for it.</exception>
    public IAsyncEnumerable<SignalBody> ReadSignalsAsync(string tubeId, CancellationToken cancellationToken = default) => ReadSignalsAsync(tubeId, 0, cancellationToken);

    /// <summary>The same from the signal that follows the one with the number <paramref name="after"/>.</summary>
    /// <param name="tubeId">The tube.</param>
    /// <param name="after">Number of the last signal that is known; 0 for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public IAsyncEnumerable<SignalBody> ReadSignalsAsync(string tubeId, long after, CancellationToken cancellationToken = default) => ReadSignalsAsync([this], tubeId, after, null, cancellationToken);

    /// <summary>
    /// The same from whichever gateway answers: nodes of one cluster know each other's tubes. When the first, which made the tube, does not know it, they end with
    /// <see cref="GatewayRefusedException"/>; while none can be reached they are asked again until the token ends it.
    /// </summary>
    /// <param name="gateways">The gateways, the one that made the tube first.</param>
    /// <param name="tubeId">The tube.</param>
    /// <param name="after">Number of the last signal that is known; 0 for none.</param>
    /// <param name="tried">Told the gateway of each try to open the stream, and why it failed; null when it is open.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<SignalBody> ReadSignalsAsync(
        IReadOnlyList<GatewayClient> gateways, string tubeId, long after, Action<GatewayClient, GatewayException?>? tried = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var position = after > 0 ? after.ToString(CultureInfo.InvariantCulture) : null;
        await foreach (var (gateway, item) in FollowAsync(gateways, $"{PathOf(tubeId)}/signals", position, tried, cancellationToken).ConfigureAwait(false))
        {
            var signal = gateway.connection.Parse<SignalBody>(item.Data);
            yield return signal;
            if (signal.Kind == "tube_closed")
                yield break;
        }
    }

    /// <summary>Of each node every live tube, then what happens to all of them, across interruptions of the stream; ends with the token only.</summary>
    /// <param name="after">The <see cref="GatewayEvent.Position"/> to go on after; null to begin with the list.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="GatewayRefusedException">The gateway refuses for good: the key is not for it.</exception>
    public async IAsyncEnumerable<GatewayEvent> ReadEventsAsync(string? after = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var (_, item) in FollowAsync([this], "v1/events", after, null, cancellationToken).ConfigureAwait(false))
            yield return item.EventType switch
            {
                "tube" => new GatewayEvent(item.EventId) { Tube = connection.Parse<TubeBody>(item.Data) },
                "tubes_listed" => new GatewayEvent(item.EventId) { Listed = connection.Parse<TubesListedBody>(item.Data) },
                _ => new GatewayEvent(item.EventId) { Signal = connection.Parse<SignalBody>(item.Data) },
            };
    }

    private static async IAsyncEnumerable<(GatewayClient From, SseItem<string> Item)> FollowAsync(
        IReadOnlyList<GatewayClient> gateways, string path, string? position, Action<GatewayClient, GatewayException?>? tried, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var retry = FirstRetry;
        for (var turn = 0; ;)
        {
            var gateway = gateways[turn];
            await using var stream = new EventConnection(gateway.connection, gateway.Time, path, position, isSure: turn == 0, failure => tried?.Invoke(gateway, failure));
            while (await stream.ReadAsync(cancellationToken).ConfigureAwait(false) is { } item)
            {
                position = item.EventId ?? position;
                retry = FirstRetry;
                yield return (gateway, item);
            }

            // One that stood is no part of an outage, and after it the first is asked first, which knows most; one that ends at once must not be asked for without rest.
            (retry, turn) = stream.OpenFor > retry ? (FirstRetry, 0) : (retry, (turn + 1) % gateways.Count);
            await Task.Delay(stream.RetryAfter is { } told && told > retry ? told : retry, gateway.Time, cancellationToken).ConfigureAwait(false);
            retry = TimeSpan.FromTicks(Math.Min(retry.Ticks * 2, LastRetry.Ticks));
        }
    }

    /// <summary>One connection to a stream of events; its end and its loss look the same: no further event.</summary>
    /// <param name="connection">Where to.</param>
    /// <param name="time">The clock.</param>
    /// <param name="path">The stream.</param>
    /// <param name="position">The last event that was read.</param>
    /// <param name="isSure">Whether a gateway that refuses for good is believed.</param>
    /// <param name="tried">Told why it could not be opened; null when it was.</param>
    private sealed class EventConnection(GatewayConnection connection, TimeProvider time, string path, string? position, bool isSure, Action<GatewayException?> tried) : IAsyncDisposable
    {
        private HttpResponseMessage? response;
        private IAsyncEnumerator<SseItem<string>>? events;

        private long opened;

        /// <summary>How long it has been open; zero when it could not be opened.</summary>
        public TimeSpan OpenFor => events is null ? TimeSpan.Zero : time.GetElapsedTime(opened);

        /// <summary>When the gateway wants to be asked again, if it said so.</summary>
        public TimeSpan? RetryAfter { get; private set; }

        public async ValueTask<SseItem<string>?> ReadAsync(CancellationToken cancellationToken)
        {
            try
            {
                if (events is null)
                {
                    events = await OpenAsync(cancellationToken).ConfigureAwait(false);
                    opened = time.GetTimestamp();
                    tried(null);
                }

                return await events.MoveNextAsync().ConfigureAwait(false) ? events.Current : null;
            }
            catch (GatewayException e) when (!isSure || e.Retryable)
            {
                RetryAfter = (e as GatewayRefusedException)?.RetryAfter;
                tried(e);
                return null;
            }
            catch (Exception e) when (e is IOException or HttpRequestException)
            {
                return null;
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (events is not null)
                await events.DisposeAsync().ConfigureAwait(false);
            response?.Dispose();
        }

        private async Task<IAsyncEnumerator<SseItem<string>>> OpenAsync(CancellationToken cancellationToken)
        {
            response = await connection.OpenAsync(path, position, cancellationToken).ConfigureAwait(false);
            var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
            return SseParser.Create(stream).EnumerateAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        }
    }
}
