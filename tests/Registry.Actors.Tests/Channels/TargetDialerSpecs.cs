using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Configuration;
using Microsoft.Extensions.Time.Testing;
using Registry.Actors.Channels;
using Registry.Messages;

namespace Registry.Actors.Tests.Channels;

/// <summary>What is dialled, in which order, and above all what is not.</summary>
public sealed class TargetDialerSpecs
{
    private readonly FakeTimeProvider time = new();
    private readonly ConcurrentQueue<IPEndPoint> dialled = [];

    [Fact]
    public async Task No_spelling_of_a_forbidden_address_is_dialled_by_a_policy_that_allows_everything()
    {
        var spellings = Spellings().ToList();
        spellings.Select(s => s.Text).Distinct().Count().ShouldBeGreaterThanOrEqualTo(200);

        foreach (var (text, address) in spellings)
        {
            // Where the text is no address to this program, a resolver may still make one of it.
            var dialer = Dialer(["*", "0.0.0.0/0:*", "[::/0]:*"], _ => [address]);
            var result = await dialer.DialAsync(text, 80, CancellationToken.None);

            result.Socket.ShouldBeNull(text);
            result.Reason.ShouldBe(CloseReason.ServerRefuse, text);
            result.Text.ShouldContain(text);
        }

        dialled.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_name_that_is_rebound_between_two_looks_is_looked_up_once_and_dialled_where_it_was_checked()
    {
        var looks = 0;
        var dialer = Dialer(["db.example:80"], _ => looks++ == 0 ? [IPAddress.Parse("192.0.2.1")] : [IPAddress.Loopback]);

        await dialer.DialAsync("db.example", 80, CancellationToken.None);

        looks.ShouldBe(1);
        dialled.ShouldBe([new(IPAddress.Parse("192.0.2.1"), 80)]);
        await dialer.DialAsync("db.example", 80, CancellationToken.None);
        dialled.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Of_a_name_s_addresses_only_the_allowed_ones_are_dialled()
    {
        var dialer = Dialer(["*"], _ => [IPAddress.Loopback, IPAddress.Parse("169.254.169.254"), IPAddress.Parse("192.0.2.1"), IPAddress.Parse("64:ff9b::7f00:1")]);

        (await dialer.DialAsync("mixed.example", 80, CancellationToken.None)).Reason.ShouldBe(CloseReason.ConnectionFailed);

        dialled.ShouldBe([new(IPAddress.Parse("192.0.2.1"), 80)]);
    }

    [Fact]
    public async Task Families_take_turns_and_a_refusal_brings_the_next_at_once()
    {
        string[] addresses = ["2001:db8::1", "2001:db8::2", "192.0.2.1", "2001:db8::3", "192.0.2.2"];
        var dialer = Dialer(["*"], _ => [.. addresses.Select(IPAddress.Parse)]);

        var result = await dialer.DialAsync("many.example", 80, CancellationToken.None);

        result.Reason.ShouldBe(CloseReason.ConnectionFailed);
        dialled.Select(d => d.Address.ToString()).ShouldBe(["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"]);
    }

    [Fact]
    public async Task An_address_that_does_not_answer_delays_the_next_by_250_ms_and_is_given_up_when_that_answers()
    {
        var givenUp = new TaskCompletionSource();
        using var answering = new Socket(SocketType.Stream, ProtocolType.Tcp);
        var dialer = Dialer(["*"], _ => [IPAddress.Parse("2001:db8::1"), IPAddress.Parse("192.0.2.1")], async (target, token) =>
        {
            if (target.AddressFamily == AddressFamily.InterNetwork)
                return answering;
            token.Register(givenUp.SetResult);
            await Task.Delay(Timeout.Infinite, token);
            return null!;
        });

        var dialling = dialer.DialAsync("broken6.example", 80, CancellationToken.None);
        await TunnelFixture.UntilAsync(() => dialled.Count == 1);
        time.Advance(TimeSpan.FromMilliseconds(249));
        dialled.Count.ShouldBe(1);
        time.Advance(TimeSpan.FromMilliseconds(1));

        (await dialling.WaitAsync(TimeSpan.FromSeconds(30))).Socket.ShouldBeSameAs(answering);
        await givenUp.Task;
    }

    [Fact]
    public async Task A_name_with_very_many_addresses_is_tried_at_sixteen()
    {
        var dialer = Dialer(["*"], _ => [.. Enumerable.Range(1, 200).Select(i => IPAddress.Parse($"192.0.2.{i}"))]);

        await dialer.DialAsync("scan.example", 80, CancellationToken.None);

        dialled.Count.ShouldBe(16);
    }

    private TargetDialer Dialer(string[] allow, Func<string, IPAddress[]> resolve, Func<IPEndPoint, CancellationToken, Task<Socket>>? connect = null)
    {
        var services = new ChannelServices(RegistrySettings.From(Config.Empty), TargetPolicy.Parse(allow), time, new())
        {
            Resolve = (name, _) => Task.FromResult(resolve(name)),
            Connect = (target, token) =>
            {
                dialled.Enqueue(target);
                return connect?.Invoke(target, token) ?? Task.FromException<Socket>(new SocketException((int)SocketError.ConnectionRefused));
            },
        };
        return new(services, TunnelFixture.Origin, new());
    }

    private static IEnumerable<(string Text, IPAddress Address)> Spellings()
    {
        string[] forbidden = ["127.0.0.1", "127.0.0.53", "127.255.255.254", "169.254.169.254", "169.254.0.1", "100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"];
        foreach (var address in forbidden.Select(IPAddress.Parse))
            foreach (var text in Spell(address.GetAddressBytes()).Distinct())
                yield return (text, IPAddress.TryParse(text, out var itself) ? itself : address);
        string[] six = ["::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001", "::0001", "[::1]", "::", "0::0", "fe80::1", "fe80::1%1", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "fd00:ec2::254", "FD00:0EC2::0254"];
        foreach (var text in six)
            yield return (text, IPAddress.Parse(text));
        foreach (var name in new[] { "localhost", "LOCALHOST", "localhost.", "rebind.example", "127.0.0.1.nip.example", "metadata.google.internal" })
            foreach (var address in new[] { "127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0" })
                yield return (name, IPAddress.Parse(address));
    }

    private static IEnumerable<string> Spell(byte[] b)
    {
        var number = (uint)(b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
        var (high, low) = (number >> 16, number & 0xFFFF);
        var dotted = new IPAddress(b).ToString();
        yield return dotted;
        yield return dotted + ".";
        yield return $"{number}";
        yield return $"0x{number:x8}";
        yield return $"0X{number:X}";
        yield return "0" + Convert.ToString(number, 8);
        yield return string.Join('.', b.Select(part => "0" + Convert.ToString(part, 8)));
        yield return string.Join('.', b.Select(part => $"0x{part:x2}"));
        yield return $"{b[0]}.0x{b[1]:x}.{b[2]}.0{Convert.ToString(b[3], 8)}";
        yield return $"{b[0]}.{number & 0xFFFFFF}";
        yield return $"{b[0]}.{b[1]}.{low}";
        yield return $"::ffff:{dotted}";
        yield return $"::FFFF:{high:X}:{low:X}";
        yield return $"0:0:0:0:0:ffff:{high:x4}:{low:x4}";
        yield return $"[::ffff:{dotted}]";
        yield return $"::{high:x}:{low:x}";
        yield return $"64:ff9b::{dotted}";
        yield return $"64:ff9b:1:{high:x}:{b[2]:x2}:{b[3]:x2}00::";
        yield return $"64:ff9b:1::{high:x}:{low:x}";
        yield return $"2002:{high:x}:{low:x}::1";
        yield return $"2001:0:4136:e378:8000:63bf:{~high & 0xFFFF:x}:{~low & 0xFFFF:x}";
        yield return $"::ffff:0:{high:x}:{low:x}";
        yield return $"2001:db8::5efe:{high:x}:{low:x}";
        yield return $"2001:db8::200:5efe:{dotted}";
    }
}
