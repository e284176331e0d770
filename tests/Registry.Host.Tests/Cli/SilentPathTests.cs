using System.Net;
using System.Net.Http.Json;
using Registry.Host.Api;
using Registry.Host.Cli;
using Registry.Host.Tests.EndToEnd;

namespace Registry.Host.Tests.Cli;

public sealed class SilentPathTests : IDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly TaskCompletionSource<string> lost = new();
    private readonly AnsweringHandler gateway = new();
    private readonly AnsweringHandler another = new();
    private readonly GatewayClient client;
    private readonly GatewayClient other;
    private readonly SilentPath path;

    public SilentPathTests()
    {
        client = new(new GatewayAddress(new("http://gateway.example/")), gateway);
        other = new(new GatewayAddress(new("http://other.example/")), another);
        path = new([client, other], new("t", "c", "n1", "ready"), why => lost.TrySetResult(why), stop.Token);
    }

    public void Dispose()
    {
        stop.Cancel();
        client.Dispose();
        other.Dispose();
        stop.Dispose();
    }

    [Fact]
    public async Task A_gateway_that_has_no_such_tube_means_that_it_is_lost()
    {
        gateway.Answer = _ => Refusal(HttpStatusCode.NotFound, "tube_not_found");

        path.Begin();

        (await lost.Task.WaitAsync(Eventually.Patience)).ShouldBe("The gateway http://gateway.example/ no longer has the tube.");
        path.Unanswered.IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task A_gateway_that_does_not_answer_is_told_each_time_that_the_path_is_silent()
    {
        gateway.Answer = _ => throw new HttpRequestException("Connection refused");
        var first = path.Unanswered;

        path.Begin();

        var silence = await first.WaitAsync(Eventually.Patience);
        (silence.Who, silence.IsNode, silence.Back.IsCompleted).ShouldBe(("the gateway http://gateway.example/", false, false));
        path.End();
        await silence.Back.WaitAsync(Eventually.Patience);
        path.Unanswered.ShouldNotBe(first);
        path.Begin();
        await path.Unanswered.WaitAsync(Eventually.Patience);
        lost.Task.IsCompleted.ShouldBeFalse();
    }

    [Theory]
    [InlineData(new[] { "n2" }, new[] { "n1" }, true)]
    [InlineData(new[] { "n2", "n1" }, new[] { "n1" }, false)] // which does not answer just now
    [InlineData(new[] { "n2" }, new string[0], false)] // which is of another cluster
    public async Task Another_gateway_whose_cluster_lost_the_node_makes_it_sure(string[] nodes, string[] incomplete, bool isLost)
    {
        gateway.Answer = _ => throw new HttpRequestException("Connection refused");
        var asked = 0;
        another.Answer = path =>
        {
            asked++;
            return new(HttpStatusCode.OK)
            {
                Content = path == "/v1/nodes" ? JsonContent.Create(new { items = nodes.Select(node => new { node, address = node, state = "up" }) }) : JsonContent.Create(new { items = Array.Empty<object>(), incompleteNodes = incomplete }),
            };
        };

        path.Begin();

        (await path.Unanswered.WaitAsync(Eventually.Patience)).IsNode.ShouldBeFalse();
        if (isLost)
            (await lost.Task.WaitAsync(Eventually.Patience)).ShouldBe("The cluster has given up node n1, which had it.");
        else
            await Eventually.BecomesAsync(true, () => Volatile.Read(ref asked) > 2, "asked again");
        lost.Task.IsCompleted.ShouldBe(isLost);
    }

    [Fact]
    public async Task A_node_that_does_not_answer_the_gateway_is_named()
    {
        gateway.Answer = _ => Refusal(HttpStatusCode.ServiceUnavailable, "node_unreachable");

        path.Begin();

        var silence = await path.Unanswered.WaitAsync(Eventually.Patience);
        (silence.Who, silence.IsNode).ShouldBe(("node n1", true));
    }

    [Fact]
    public async Task A_gateway_that_has_the_tube_leaves_the_path_its_time_and_nobody_is_asked_after_the_end()
    {
        gateway.Answer = _ => new(HttpStatusCode.OK) { Content = JsonContent.Create(new TubeBody("t", "n1", "disconnected", IsOfferer: false, default) { Conversations = [], History = [] }, options: GatewayJson.Options) };

        path.Begin();
        await gateway.Asked.WaitAsync(Eventually.Patience);
        await stop.CancelAsync();
        await path.Completion.WaitAsync(Eventually.Patience);

        (path.Unanswered.IsCompleted, lost.Task.IsCompleted).ShouldBe((false, false));
    }

    private static HttpResponseMessage Refusal(HttpStatusCode status, string code) =>
        new(status) { Content = JsonContent.Create(new ProblemBody((int)status, code, "why"), new(ProblemBody.ContentType), GatewayJson.Options) };

    private sealed class AnsweringHandler : HttpMessageHandler
    {
        private readonly TaskCompletionSource asked = new();

        public Func<string, HttpResponseMessage> Answer { get; set; } = _ => throw new HttpRequestException();

        public Task Asked => asked.Task;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            asked.TrySetResult();
            return Task.FromResult(Answer(request.RequestUri!.AbsolutePath));
        }
    }
}
