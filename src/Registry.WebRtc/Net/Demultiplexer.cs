using System.Collections.Concurrent;
using Registry.WebRtc.Stun;

namespace Registry.WebRtc.Net;

/// <summary>
/// Finds the owner of a datagram on the shared socket: a STUN request by the user fragment in its USERNAME (RFC 8445 §7.2.2), the
/// answer to a check by its transaction, everything else by the address it came from.
/// </summary>
internal sealed class Demultiplexer<TOwner> where TOwner : class
{
    private readonly ConcurrentDictionary<TransportAddress, TOwner> byAddress = new();
    private readonly ConcurrentDictionary<string, TOwner> byFragment = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<StunTransactionId, TOwner> byTransaction = new();

    public int AddressCount => byAddress.Count;

    public int FragmentCount => byFragment.Count;

    public int TransactionCount => byTransaction.Count;

    public void AddFragment(string usernameFragment, TOwner owner) => byFragment[usernameFragment] = owner;

    public void RemoveFragment(string usernameFragment) => byFragment.TryRemove(usernameFragment, out _);

    /// <summary>Announces a check to an address that is not bound yet, so that its answer finds back.</summary>
    /// <returns>False when the transaction was announced before.</returns>
    public bool TryAddTransaction(StunTransactionId transaction, TOwner owner) => byTransaction.TryAdd(transaction, owner);

    public void RemoveTransaction(StunTransactionId transaction) => byTransaction.TryRemove(transaction, out _);

    /// <summary>
    /// Binds an authenticated address. DTLS names no connection, so an address can have one owner only: two nodes that both
    /// share one socket can hold one live connection with each other.
    /// </summary>
    /// <param name="address">The peer's address.</param>
    /// <param name="owner">Whose datagrams come from there from now on.</param>
    /// <param name="mayReplace">Whether a given present owner may lose the address.</param>
    /// <returns>False when another owner keeps the address.</returns>
    public bool TryAddAddress(TransportAddress address, TOwner owner, Func<TOwner, bool> mayReplace)
    {
        while (true)
        {
            if (byAddress.TryAdd(address, owner))
                return true;
            if (!byAddress.TryGetValue(address, out var present))
                continue;
            if (ReferenceEquals(present, owner))
                return true;
            if (!mayReplace(present))
                return false;
            if (byAddress.TryUpdate(address, owner, present))
                return true;
        }
    }

    public void RemoveAddress(TransportAddress address, TOwner owner) => byAddress.TryRemove(KeyValuePair.Create(address, owner));

    public TOwner? Find(ReadOnlySpan<byte> datagram, TransportAddress remote)
    {
        // Two connections can share one remote address before one of them has it: what STUN itself says goes first.
        if (datagram.Length > 0 && datagram[0] <= 3 && (FindByFragment(datagram) ?? FindByTransaction(datagram)) is { } named)
            return named;
        return byAddress.GetValueOrDefault(remote);
    }

    /// <summary>Whom a check is for.</summary>
    public TOwner? FindByFragment(ReadOnlySpan<byte> datagram)
    {
        if (!StunMessage.TryGetUsernameFragment(datagram, out var fragment) || fragment.Length > 256)
            return null;
        Span<char> text = stackalloc char[fragment.Length];
        for (var i = 0; i < fragment.Length; i++)
            text[i] = (char)fragment[i];
        return byFragment.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var owner) ? owner : null;
    }

    private TOwner? FindByTransaction(ReadOnlySpan<byte> datagram) =>
        StunMessage.TryGetTransactionId(datagram, out var transaction) ? byTransaction.GetValueOrDefault(transaction) : null;
}
