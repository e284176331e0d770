using System.Runtime.CompilerServices;
using Registry.Messages;

namespace Registry.Host.Api;

/// <summary>Signals as the text of their events. Of the latest ones the text is kept, so that it is made once and not for everyone who watches. Safe for every thread.</summary>
internal sealed class SignalTexts
{
    // As many as the registry keeps by default: a watcher that lags behind needs them most when there is no time to make them. A power of two.
    private const int Kept = 8192;

    private readonly Entry?[] entries = new Entry?[Kept];

    public ReadOnlyMemory<byte> Of(TubeSignal signal)
    {
        ref var place = ref entries[RuntimeHelpers.GetHashCode(signal) & (Kept - 1)];
        if (Volatile.Read(ref place) is { } entry && ReferenceEquals(entry.Signal, signal))
            return entry.Text;
        var text = ServerSentEvent.TextOf(signal.Kind, SignalBody.Of(signal));
        Volatile.Write(ref place, new(signal, text));
        return text;
    }

    private sealed record Entry(TubeSignal Signal, ReadOnlyMemory<byte> Text);
}
