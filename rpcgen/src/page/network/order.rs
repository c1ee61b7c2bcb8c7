//! Orders the nodes so that few edges cross. It moves each node to the mean position of its
//! neighbours, and repeats this for both columns.

/// Number of times that both columns are sorted.
const SWEEPS: usize = 8;

/// The order of both columns: clients, and servers with their services. Each is named by its index
/// in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// The clients from top to bottom.
    pub clients: Vec<usize>,
    /// The servers from top to bottom, each with its services from top to bottom.
    pub servers: Vec<(usize, Vec<usize>)>,
}

impl Ranks {
    /// Returns the sorted columns; `self` must be in the file's order. `edges` are pairs of a
    /// client and a service. Nodes with equal means keep their order. Nodes without an edge go to
    /// the end.
    pub fn sorted_by_means(mut self, edges: &[(usize, usize)]) -> Self {
        for _ in 0..SWEEPS {
            let places = places(self.services());
            let means = means(
                edges.iter().map(|&(client, service)| (client, service)),
                &places,
            );
            sort(&mut self.clients, &means);
            let places = self::places(self.clients.iter().copied());
            self.sort_services(edges, &places);
        }
        self
    }

    fn sort_services(&mut self, edges: &[(usize, usize)], clients: &[usize]) {
        let owners = self.owners();
        let service_means = means(
            edges.iter().map(|&(client, service)| (service, client)),
            clients,
        );
        let server_means = means(
            edges
                .iter()
                .map(|&(client, service)| (owners[service], client)),
            clients,
        );
        for (_, services) in &mut self.servers {
            sort(services, &service_means);
        }
        self.servers.sort_by(|(a, _), (b, _)| {
            mean_or_end(&server_means, *a).total_cmp(&mean_or_end(&server_means, *b))
        });
    }

    /// Returns the services from top to bottom.
    fn services(&self) -> impl Iterator<Item = usize> {
        self.servers
            .iter()
            .flat_map(|(_, services)| services.iter().copied())
    }

    /// Returns the server of each service.
    fn owners(&self) -> Vec<usize> {
        let mut owners = vec![0; self.services().count()];
        for (server, services) in &self.servers {
            for service in services {
                owners[*service] = *server;
            }
        }
        owners
    }
}

/// Returns the position of each node in the given order.
fn places(nodes: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut places = Vec::new();
    for (place, node) in nodes.enumerate() {
        if places.len() <= node {
            places.resize(node + 1, 0);
        }
        places[node] = place;
    }
    places
}

/// Returns the mean position of each node's neighbours; NaN for a node without neighbours.
fn means(edges: impl Iterator<Item = (usize, usize)>, places: &[usize]) -> Vec<f64> {
    let mut sums: Vec<(u32, u32)> = Vec::new();
    for (node, neighbour) in edges {
        if sums.len() <= node {
            sums.resize(node + 1, (0, 0));
        }
        let (sum, count) = sums[node];
        sums[node] = (sum + places[neighbour] as u32, count + 1);
    }
    sums.into_iter()
        .map(|(sum, count)| f64::from(sum) / f64::from(count))
        .collect()
}

fn sort(nodes: &mut [usize], means: &[f64]) {
    nodes.sort_by(|a, b| mean_or_end(means, *a).total_cmp(&mean_or_end(means, *b)));
}

/// Returns the mean of a node. It is infinite for a node without neighbours, which sorts it last.
fn mean_or_end(means: &[f64], node: usize) -> f64 {
    means
        .get(node)
        .copied()
        .filter(|mean| !mean.is_nan())
        .unwrap_or(f64::INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(clients: usize, services: &[usize], edges: &[(usize, usize)]) -> Ranks {
        let mut next = 0..;
        let servers = services
            .iter()
            .map(|&count| next.by_ref().take(count).collect())
            .enumerate()
            .collect();
        Ranks {
            clients: (0..clients).collect(),
            servers,
        }
        .sorted_by_means(edges)
    }

    fn crossings(ranks: &Ranks, edges: &[(usize, usize)]) -> usize {
        let clients = places(ranks.clients.iter().copied());
        let services = places(ranks.services());
        let ends: Vec<(usize, usize)> = edges
            .iter()
            .map(|&(c, s)| (clients[c], services[s]))
            .collect();
        let crosses = |a: &(usize, usize)| ends.iter().filter(|b| a.0 < b.0 && a.1 > b.1).count();
        ends.iter().map(crosses).sum()
    }

    #[test]
    fn edges_that_can_avoid_crossing_do_not_cross() {
        for (clients, services, edges) in [
            (2, &[1, 1][..], &[(0, 1), (1, 0)][..]),
            (3, &[3], &[(0, 2), (1, 1), (2, 0)]),
            (4, &[2, 2], &[(0, 3), (1, 2), (2, 1), (3, 0), (3, 1)]),
        ] {
            assert_eq!(
                crossings(&ordered(clients, services, edges), edges),
                0,
                "{edges:?}"
            );
        }
    }

    #[test]
    fn a_node_without_edges_goes_to_the_end() {
        let ranks = ordered(3, &[2, 1], &[(1, 1), (2, 2)]);
        assert_eq!(
            ranks,
            Ranks {
                clients: vec![1, 2, 0],
                servers: vec![(0, vec![1, 0]), (1, vec![2])]
            }
        );
    }

    #[test]
    fn an_empty_network_can_be_sorted() {
        assert_eq!(
            ordered(0, &[], &[]),
            Ranks {
                clients: Vec::new(),
                servers: Vec::new()
            }
        );
        assert_eq!(
            ordered(2, &[0, 1], &[]).servers,
            [(0, vec![]), (1, vec![0])]
        );
    }
}
