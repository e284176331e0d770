using Registry.Actors;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>
/// What happens, as server-sent events. <c>GET /v1/tubes/{id}/signals</c>: one tube's signals, the event's id is the signal's number; ends
/// after <c>tube_closed</c>. <c>GET /v1/events</c>: every tube's life, after a list of those that live: <c>tube</c> for each, then
/// <c>tubes_listed</c>, then the signals of all; the event's id is the change's number on this node.
/// </summary>
internal static class EventEndpoints
{
    public static void MapEvents(this IEndpointRouteBuilder v1)
    {
        v1.MapGet("/tubes/{tubeId}/signals", OpenSignals);
        v1.MapGet("/events", OpenEvents);
    }

    private static IResult OpenSignals(string tubeId, string? after, HttpRequest request, ITubeRegistry registry, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        if (!Arguments.TryTubeId(tubeId, out var id, out var problem) || !EventStream.TryReadPosition(request, after, out var position, out problem))
            return problem!;
        var stop = CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
        if (registry.Signals(id, position ?? 0, stop.Token) is { } signals)
            return new EventStream(signals.Select(signal => new ServerSentEvent(signal.Sequence, signal.Kind, SignalBody.Of(signal))), stop, time, lifetime.ApplicationStopping);
        stop.Dispose();
        return Problem.TubeNotFound(tubeId);
    }

    private static IResult OpenEvents(string? after, HttpRequest request, ITubeRegistry registry, IHostApplicationLifetime lifetime, TimeProvider time)
    {
        if (!EventStream.TryReadPosition(request, after, out var position, out var problem))
            return problem!;
        var stop = CancellationTokenSource.CreateLinkedTokenSource(request.HttpContext.RequestAborted);
        return new EventStream(registry.WatchAsync(position, stop.Token).Select(Translate), stop, time, lifetime.ApplicationStopping);
    }

    private static ServerSentEvent Translate(RegistryEvent change) => change switch
    {
        TubeListed listed => new(listed.Sequence, "tube", TubeBody.Of(listed.Tube, listed.Tube.Traffic)),
        TubeSignalled signalled => new(signalled.Sequence, signalled.Signal.Kind, SignalBody.Of(signalled.Signal)),
        _ => new(change.Sequence, "tubes_listed", new object()),
    };
}
