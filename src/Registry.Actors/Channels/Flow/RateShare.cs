using System.Net.Sockets;

namespace Registry.Actors.Channels.Flow;

/// <summary>One direction of one connection under the limits of its tube. Used by one pump.</summary>
/// <param name="limits">All that hold; none costs nothing.</param>
internal sealed class RateShare(IReadOnlyList<RateLimit> limits)
{
    private readonly (RateLimit Limit, RateAccount Account)[] accounts = [.. limits.Select(limit => (limit, new RateAccount()))];

    /// <summary>Waits until something may be read from a socket that has something to read, besides so many bytes of it that are kept.</summary>
    /// <returns>How much, 1 to <paramref name="most"/>.</returns>
    public ValueTask<int> TakeAsync(Socket socket, int kept, int most, CancellationToken cancellationToken) =>
        accounts.Length == 0 ? new(most) : TakeAsync(Math.Clamp(kept + socket.Available, 1, most), cancellationToken);

    /// <summary>Waits until some of the bytes may go.</summary>
    /// <returns>How many, 1 to <paramref name="most"/>.</returns>
    public ValueTask<int> TakeAsync(int most, CancellationToken cancellationToken) => accounts.Length == 0 ? new(most) : TakePieceAsync(most, cancellationToken);

    /// <summary>Waits until all of the bytes may go, which belong together.</summary>
    public async ValueTask PayAsync(int bytes, CancellationToken cancellationToken)
    {
        foreach (var (limit, account) in accounts)
            await limit.PayAsync(account, bytes, cancellationToken);
    }

    private async ValueTask<int> TakePieceAsync(int most, CancellationToken cancellationToken)
    {
        foreach (var (limit, _) in accounts)
            most = Math.Min(most, limit.LargestPiece);
        await PayAsync(most, cancellationToken);
        return most;
    }
}
